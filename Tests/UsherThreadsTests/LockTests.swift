import Testing

@testable import UsherThreads

@Suite struct LockTests {
    struct Refusal: Error {}

    @Test func `no increment of many threads is lost`() {
        let count = Lock(0)
        let threads = (0..<8).map { number in
            Thread(name: "count-\(number)") { for _ in 0..<10_000 { count.withLock { $0 += 1 } } }
        }
        for thread in threads { thread.join() }
        #expect(count.withLock { $0 } == 80_000)
    }

    @Test func `it is open again after an error`() {
        let lock = Lock([1])
        #expect(throws: Refusal.self) {
            try lock.withLock { value throws(Refusal) in
                value.append(2)
                throw Refusal()
            }
        }
        #expect(lock.withLock { $0 } == [1, 2])
    }

    @Test func `it drops its value`() {
        final class Held: Sendable {}
        weak var held: Held?
        do {
            let lock = Lock(Held())
            held = lock.withLock { $0 }
            #expect(held != nil)
        }
        #expect(held == nil)
    }
}
