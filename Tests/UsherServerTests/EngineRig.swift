import CEpoll
import Glibc
import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting
import UsherWire

@testable import UsherServer

/// An engine without an actor: the test is its loop.
final class EngineRig {
    let clock = ManualClock()
    let store: ScriptedStore
    let log = RecordingLog(threshold: .info)
    let service: AuthService
    var engine: Engine
    private let epoll = usher_epoll_create()
    /// Requests that were started and wait for `finish`.
    private var pending: [(ConnectionID, Caller, PendingRequest)] = []

    init(_ limits: Limits = Limits(), rules: [Rule] = []) {
        store = ScriptedStore(InMemoryStore(clock: clock))
        service = Harness.service(limits: limits, store: store, workers: InlineWorkers(FastHasher()), clock: clock, log: log)
        service.adopt(Harness.settings(limits: limits, rules: rules))
        engine = Engine(epoll: epoll, service: service)
    }

    deinit {
        engine.dropAll()
        close(epoll)
    }

    func connect(to socket: String = "app") -> Client {
        let (client, served) = Client.pair()
        adopt(served, from: socket)
        return client
    }

    func adopt(_ served: Int32, from socket: String = "app") {
        engine.adopt(served, from: Listener(inherited: -1, name: socket))
    }

    /// Puts other rules in force.
    func adopt(_ rules: [Rule], _ limits: Limits = Limits()) {
        service.adopt(Harness.settings(limits: limits, rules: rules))
        engine.adoptSettings()
    }

    /// One round of the loop.
    /// - Returns: how many events there were.
    @discardableResult
    func round() -> Int {
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: 64)
        defer { unsafe events.deallocate() }
        let count = unsafe usher_epoll_wait(epoll, events, 64, 0)
        for index in 0..<max(count, 0) { unsafe engine.event(usher_event_data(events, index), usher_event_flags(events, index)) }
        engine.takeTurns()
        pending += engine.takeStarted()
        return Int(max(count, 0))
    }

    /// Rounds until nothing happens any more.
    func run() {
        // A round that ends a backlog may watch for what comes in the next.
        var quiet = 0
        for _ in 0..<200_000 {
            quiet = round() == 0 && !engine.hasBacklog ? quiet + 1 : 0
            if quiet == 2 { return }
        }
        Issue.record("the loop never comes to rest")
    }

    /// All replies that a client gets, which reads as it goes.
    func everything(of client: Client) -> [String] {
        var lines: [String] = []
        var quiet = 0
        while quiet < 3 {
            run()
            let more = client.lines()
            quiet = more.isEmpty ? quiet + 1 : 0
            lines += more
        }
        return lines
    }

    var pendingCount: Int { pending.count }

    /// Whether the client of the first pending request is gone.
    var isFirstCallerGone: Bool? { pending.first?.1.isGone }

    /// Carries out the first of the requests that were started.
    func finish() async {
        let (id, caller, request) = pending.removeFirst()
        let reply = await request.answer(from: caller, service: service)
        engine.complete(id, reply, wasOrdered: request.isOrdered)
        run()
    }

    func finishAll() async {
        while !pending.isEmpty { await finish() }
    }
}

/// A LOGIN, which takes longer, of nobody.
func slow(_ id: Int? = nil) -> String {
    "{\"op\":\"LOGIN\",\"login\":\"nobody\",\"password\":\"x\"\(id.map { ",\"id\":\($0)" } ?? "")}\n"
}

func ping(_ id: Int? = nil) -> String { "{\"op\":\"PING\"\(id.map { ",\"id\":\($0)" } ?? "")}\n" }

extension String {
    /// A reply's id.
    var id: Int64? { Reply(Array((self + "\n").utf8)).integer("id") }
    /// `ok`, or the error.
    var result: String { Reply(Array((self + "\n").utf8)).error ?? "ok" }
}
