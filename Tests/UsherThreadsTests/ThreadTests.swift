import Glibc
import Testing
import UsherThreads

@Suite struct ThreadTests {
    private static func name() -> String {
        let file = unsafe open("/proc/thread-self/comm", O_RDONLY)
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 32)
        let count = unsafe read(file, &text, text.count)
        // A LF follows the name.
        return String(decoding: text.prefix(max(count - 1, 0)), as: UTF8.self)
    }

    private static func niceness() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

    @Test func `it runs once, on a thread of its own, and is joined`() {
        let seen = Lock<[Int]>([])
        let own = Int(pthread_self())
        let thread = Thread(name: "one") { seen.withLock { $0.append(Int(pthread_self())) } }
        thread.join()
        let threads = seen.withLock { $0 }
        #expect(threads.count == 1)
        #expect(threads != [own])
    }

    @Test(arguments: [
        ("usher-store", "usher-store"), ("exactly-15-byte", "exactly-15-byte"), ("longer than 15 bytes", "longer than 15 "),
        ("", ""),
    ])
    func `it has its name`(_ given: String, _ kept: String) {
        let name = Lock("")
        let thread = Thread(name: given) { name.withLock { $0 = Self.name() } }
        thread.join()
        #expect(name.withLock { $0 } == kept)
    }

    @Test func `its niceness is added to that of the thread that made it, and is its own`() {
        let before = Self.niceness()
        let seen = Lock<[Int32]>([])
        let outer = Thread(name: "outer", niceness: 2) {
            seen.withLock { $0.append(Self.niceness()) }
            Thread(name: "inner", niceness: 3) { seen.withLock { $0.append(Self.niceness()) } }.join()
            Thread(name: "same") { seen.withLock { $0.append(Self.niceness()) } }.join()
            seen.withLock { $0.append(Self.niceness()) }
        }
        outer.join()
        let limit: Int32 = 19
        #expect(seen.withLock { $0 } == [before + 2, before + 5, before + 2, before + 2].map { min($0, limit) })
        #expect(Self.niceness() == before)
    }

    @Test func `what it held is let go when it has ended`() {
        final class Held: Sendable {}
        weak var held: Held?
        do {
            let object = Held()
            held = object
            Thread(name: "holder") { _ = ObjectIdentifier(object) }.join()
        }
        #expect(held == nil)
    }
}
