import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

struct ServerStatusTests {
    private let harness = Harness(place: .admin)

    private func line(_ op: String, of status: Reply) -> [String: Any]? {
        status.objects("operations")?.first { $0["op"] as? String == op }
    }

    private func results(_ op: String, of status: Reply) -> [String: Int]? { line(op, of: status)?["results"] as? [String: Int] }

    @Test func requestsAreCounted() async {
        let token = await harness.register().accessToken
        _ = await harness.login("ada", "wrong horse")
        for _ in 0..<100 { _ = await harness.verify(token) }
        _ = await harness.verify("x")
        _ = await harness.ask("nonsense")
        _ = await harness.ask("{\"op\":\"NONSENSE\"}")
        let status = await harness.ask("STATUS", [:])
        #expect(results("REGISTER", of: status) == ["ok": 1])
        #expect(results("LOGIN", of: status) == ["ok": 0, "invalid_credentials": 1])
        #expect(results("VERIFY", of: status) == ["ok": 100, "token_invalid": 1])
        #expect(line("VERIFY", of: status)?["requests"] as? Int == 101)
        #expect(line("VERIFY", of: status)?["timed"] as? Int == 2)
        #expect(results("unknown", of: status) == ["ok": 0, "bad_request": 1, "unknown_op": 1])
        // Those that nobody asked for are left out; this one has not been answered yet.
        #expect(line("STATUS", of: status) == nil)
        #expect(results("STATUS", of: await harness.ask("STATUS", [:])) == ["ok": 1])
        #expect(status.integer("verified") == 100)
        #expect(status.integer("in_flight") == 0)
    }

    /// Its wait is a part of it.
    @Test func whatIsPutOffIsTimedToItsEnd() async throws {
        harness.store.before(.lookUp) { [clock = harness.clock] () throws(UsherError) in clock.advance(milliseconds: 30) }
        _ = await harness.login()
        let status = await harness.ask("STATUS", [:])
        let login = try #require(line("LOGIN", of: status))
        #expect(login["timed"] as? Int == 1)
        #expect(login["time_ns"] as? Int == 30_000_000)
        let bounds = try #require(status.members["latency_bounds_ns"] as? [Int])
        let steps = try #require(login["latency"] as? [Int])
        #expect(steps.count == bounds.count + 1)
        #expect(steps.firstIndex(of: 1) == bounds.firstIndex(of: 50_000_000))
        #expect(steps.reduce(0, +) == 1)
    }

    @Test func requestsUnderWayAreCounted() async {
        guard case .deferred(let request) = harness.dispatch(#"{"op":"LOGIN","login":"x","password":"y"}"#) else {
            Issue.record("it is not put off")
            return
        }
        #expect(await harness.ask("STATUS", [:]).integer("in_flight") == 1)
        _ = await harness.answer(request)
        #expect(await harness.ask("STATUS", [:]).integer("in_flight") == 0)
    }

    @Test func timesAreOfTheStart() async {
        let started = harness.now
        harness.clock.advance(milliseconds: 61_500)
        harness.clock.stepWall(milliseconds: 3_600_000)
        let status = await harness.ask("STATUS", [:])
        #expect(status.integer("started_at") == started)
        #expect(status.integer("uptime") == 61)
        #expect(status.string("version") == "0.0.1-test")
    }

    @Test func theStoreAndTheHashPoolAreTold() async {
        harness.workers.set(load: WorkerLoad(busy: 2, waiting: 3, workers: 4, since: nil))
        var status = await harness.ask("STATUS", [:])
        #expect(status.object("hashing") as? [String: Int] == ["workers": 4, "busy": 2, "queue": 3, "max_queue": 64])
        #expect(status.object("store")?["health"] as? String == "working")
        harness.store.set(health: .stalled(since: harness.clock.monotonicMilliseconds() - 7_000))
        status = await harness.ask("STATUS", [:])
        #expect(status.object("store")?["stalled_for"] as? Int == 7)
        harness.store.set(health: .unavailable(cause: "the disk is \"full\""))
        status = await harness.ask("STATUS", [:])
        #expect(status.object("store")?["health"] as? String == "unavailable")
        #expect(status.object("store")?["cause"] as? String == "the disk is \"full\"")
    }

    @Test(arguments: ["STATUS", "CLIENTS", "METRICS", "MONITOR"]) func theAppSocketRefusesIt(_ op: String) async {
        let harness = Harness()
        #expect(await harness.ask(op, [:]).error == "forbidden_op")
        #expect(harness.log.events(.refused).map(\.op) == [op])
    }

    @Test(arguments: ["STATUS", "CLIENTS", "METRICS", "MONITOR"]) func toLookIsNoEvent(_ op: String) async {
        #expect(await harness.ask(op, [:]).isOK)
        #expect(harness.log.events.isEmpty)
    }
}
