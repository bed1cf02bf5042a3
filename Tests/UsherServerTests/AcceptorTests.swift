import CEpoll
import Glibc
import Testing
import UsherModel
import UsherOperations
import UsherTesting

@testable import UsherServer

struct AcceptorTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()
    private let log = RecordingLog()
    private let epoll = usher_epoll_create()
    private var path: String { folder.path + "/socket" }

    /// What epoll tells now.
    private func events() -> [UInt64] {
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: 8)
        defer { unsafe events.deallocate() }
        let count = unsafe usher_epoll_wait(epoll, events, 8, 0)
        return (0..<max(count, 0)).map { unsafe usher_event_data(events, $0) }
    }

    @Test func acceptsOnceItIsOpen() throws {
        let listener = try Listener(path: path, name: "app")
        var acceptor = Acceptor(epoll: epoll, listeners: [listener], clock: clock, log: log)
        let clients = (0..<100).map { _ in Client.connect(to: path) }
        #expect(clients.allSatisfy { $0 != nil })
        #expect(events().isEmpty)
        acceptor.open()
        var adopted: [Int32] = []
        for count in [64, 100] {
            let told = events()
            #expect(told.count == 1)
            for data in told where acceptor.owns(data) { acceptor.accept(data) { descriptor, _ in adopted.append(descriptor) } }
            #expect(adopted.count == count)
        }
        #expect(events().isEmpty)
        let ownsConnection = acceptor.owns(ConnectionID(descriptor: listener.descriptor, serial: 1).eventData)
        #expect(!ownsConnection)
        acceptor.close { descriptor, _ in adopted.append(descriptor) }
        for descriptor in adopted { close(descriptor) }
        close(epoll)
    }

    @Test func saysWhichSocketAConnectionCameInBy() throws {
        let listeners = [try Listener(path: path, name: "app"), try Listener(path: path + "-admin", name: "admin")]
        var acceptor = Acceptor(epoll: epoll, listeners: listeners, clock: clock, log: log)
        acceptor.open()
        let clients = [Client.connect(to: path + "-admin"), Client.connect(to: path), Client.connect(to: path + "-admin")]
        #expect(clients.allSatisfy { $0 != nil })
        var adopted: [(descriptor: Int32, place: Operation.Place)] = []
        for data in events() { acceptor.accept(data) { adopted.append(($0, $1.place)) } }
        #expect(adopted.count { $0.place == .admin } == 2)
        #expect(adopted.count { $0.place == .app } == 1)
        let late = Client.connect(to: path + "-admin")
        acceptor.close { adopted.append(($0, $1.place)) }
        #expect(adopted.last?.place == .admin)
        #expect(late != nil)
        for connection in adopted { close(connection.descriptor) }
        close(epoll)
    }

    @Test func takesInWhoWaitsBeforeItCloses() throws {
        let listener = try Listener(path: path, name: "app")
        var acceptor = Acceptor(epoll: epoll, listeners: [listener], clock: clock, log: log)
        acceptor.open()
        let clients = (0..<3).map { _ in Client.connect(to: path) }
        var adopted: [Int32] = []
        acceptor.close { descriptor, _ in adopted.append(descriptor) }
        #expect(adopted.count == clients.count)
        #expect(!exists(path))
        // Once: the descriptor may be another's by now.
        acceptor.close { _, _ in Issue.record("closed twice") }
        for descriptor in adopted { close(descriptor) }
        close(epoll)
    }

    /// A daemon that is stopped before it was ready must answer nothing: it does not know yet what is revoked.
    @Test func takesInNobodyIfItWasNeverOpen() throws {
        let listener = try Listener(path: path, name: "app")
        var acceptor = Acceptor(epoll: epoll, listeners: [listener], clock: clock, log: log)
        let client = try #require(Client.connect(to: path))
        acceptor.close { _, _ in Issue.record("accepted") }
        #expect(!exists(path))
        #expect(client.waitForEnd())
        close(epoll)
    }

    @Test func leavesAnInheritedSocketToTheNextProcess() throws {
        let listener = try Listener(path: path, name: "app")
        var acceptor = Acceptor(
            epoll: epoll, listeners: [Listener(inherited: listener.descriptor, name: "app")], clock: clock, log: log)
        acceptor.open()
        let client = Client.connect(to: path)
        acceptor.close { _, _ in Issue.record("accepted") }
        #expect(exists(path))
        let accepted = usher_accept(listener.descriptor)
        #expect(accepted >= 0)
        close(accepted)
        #expect(client != nil)
        listener.remove()
        close(epoll)
    }

    /// Whatever the error: no spinning.
    @Test func looksAwayWhenAcceptFails() {
        var ends: [Int32] = [0, 0]
        // A pipe is readable, and no connection can be accepted from it.
        unsafe pipe(&ends)
        unsafe write(ends[1], "x", 1)
        var acceptor = Acceptor(
            epoll: epoll, listeners: [Listener(inherited: ends[0], name: "app")], clock: clock, log: log)
        acceptor.open()
        #expect(events().count == 1)
        acceptor.accept(UInt64(ends[0])) { _, _ in Issue.record("accepted") }
        #expect(events().isEmpty)
        let wakeUp = acceptor.wakeUp()
        #expect(wakeUp == clock.monotonicMilliseconds() + Limits.acceptPause)
        #expect(log.events(.limit).count == 1)
        acceptor.resume(somethingFreed: false)
        #expect(events().isEmpty)
        acceptor.resume(somethingFreed: true)
        #expect(events().count == 1)
        let noWakeUp = acceptor.wakeUp()
        #expect(noWakeUp == nil)
        acceptor.accept(UInt64(ends[0])) { _, _ in Issue.record("accepted") }
        clock.advance(milliseconds: Limits.acceptPause)
        acceptor.resume(somethingFreed: false)
        #expect(events().count == 1)
        for descriptor in ends + [epoll] { close(descriptor) }
    }
}
