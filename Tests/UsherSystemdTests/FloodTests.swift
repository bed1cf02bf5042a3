import Testing
import UsherModel

@testable import UsherSystemd

@Suite struct FloodTests {
    private func event(
        _ kind: Event.Kind = .login, _ priority: Event.Priority = .notice, op: String? = "LOGIN",
        result: String? = "invalid_credentials", uid: UInt32 = 33, pid: Int32 = 1
    ) -> Event {
        Event(kind, priority, "x", op: op, result: result, peer: Peer(uid: uid, gid: 1, pid: pid))
    }

    /// How many of them are logged.
    private func passed(_ flood: inout Flood, _ count: Int, at now: Int64, _ make: (Int) -> Event) -> Int {
        (0..<count).count { number in
            if case .passes = flood.judge(make(number), at: now) { true } else { false }
        }
    }

    @Test("The first are logged, the others are counted, and their number is told when the time is over") func burst() {
        var flood = Flood()
        #expect(passed(&flood, Limits.floodBurst, at: 100) { event(pid: Int32($0)) } == Limits.floodBurst)
        #expect(flood.due == nil)
        guard case .held(isFirst: true) = flood.judge(event(), at: 5_000) else {
            Issue.record("one too many was logged")
            return
        }
        #expect(passed(&flood, 12_344, at: 6_000) { event(pid: Int32($0)) } == 0)
        #expect(flood.due == 10_100)
        #expect(flood.summaries(at: 10_099).isEmpty)
        let summaries = flood.summaries(at: 10_100)
        #expect(summaries == [EventTextTests.summary])
        #expect(flood.due == nil)
        #expect(flood.summaries(at: 50_000, all: true).isEmpty)
        // Then it begins anew.
        #expect(passed(&flood, 30, at: 10_101) { event(pid: Int32($0)) } == Limits.floodBurst)
    }

    @Test("What is apart in kind, operation, result or uid counts apart") func kinds() {
        var flood = Flood(burst: 1)
        let others = [
            event(), event(uid: 34), event(result: "busy"), event(op: "REGISTER"), event(.register),
            event(.limit, result: "busy"),
            event(.limit, result: nil),
        ]
        for other in others { #expect(passed(&flood, 3, at: 0) { _ in other } == 1) }
        #expect(flood.summaries(at: 0, all: true).count == others.count)
    }

    @Test("A few now and then are all logged") func slow() {
        var flood = Flood()
        for minute in 0..<60 { #expect(passed(&flood, 20, at: Int64(minute) * 60_000) { _ in event() } == 20) }
        #expect(flood.due == nil)
    }

    @Test("What was granted, and what ended a session, is told each time; and debugging hides nothing") func neverHeld() {
        var flood = Flood(burst: 1)
        let never = [
            event(.login, .info, result: "ok"), event(.register, .info, op: "REGISTER", result: "ok"),
            event(.revoke, .info, op: "REVOKE", result: "ok"), event(.refreshReuse, .warning, result: "refresh_token_reused"),
            event(.recover, .info, op: "RECOVER", result: "ok"),
            event(.storeRollback, .critical, result: "token_revoked"), event(.verify, .debug, result: "token_invalid"),
            event(.ready, .notice, result: nil), event(.dropped, .warning, result: nil),
        ]
        for event in never { #expect(passed(&flood, 1_000, at: 0) { _ in event } == 1_000) }
        #expect(flood.summaries(at: 0, all: true).isEmpty)
    }

    @Test("What nothing came of is counted, though it was granted; what something came of is told meanwhile") func withoutEffect()
    {
        var flood = Flood()
        let revoked = event(.revoke, .info, op: "REVOKE", result: "ok")
        var nothing = revoked
        nothing.isWithoutEffect = true
        #expect(passed(&flood, 1_000, at: 0) { _ in nothing } == Limits.floodBurst)
        #expect(passed(&flood, 1_000, at: 0) { _ in revoked } == 1_000)
        #expect(flood.summaries(at: 0, all: true).map(\.count) == [1_000 - Limits.floodBurst])
    }

    @Test("With too many kinds at once, the others of a kind count together; what is over makes room") func bound() {
        var flood = Flood(burst: 1, window: 1_000, capacity: 10)
        #expect(passed(&flood, 10, at: 0) { event(uid: UInt32($0)) } == 10)
        #expect(passed(&flood, 1_000, at: 1) { event(uid: 1_000 + UInt32($0)) } == 1)
        #expect(passed(&flood, 1_000, at: 2) { event(.refused, uid: 1_000 + UInt32($0)) } == 1)
        let summaries = flood.summaries(at: 1_002)
        #expect(summaries.map(\.count) == [999, 999])
        #expect(summaries.allSatisfy { $0.peerUID == nil && $0.op == nil })
        #expect(passed(&flood, 10, at: 1_003) { event(uid: 5_000 + UInt32($0)) } == 10)
    }

    @Test("The summary is as important as the most important of them") func priority() {
        var flood = Flood(burst: 1)
        _ = passed(&flood, 2, at: 0) { _ in event(.failure, .error, result: "internal") }
        _ = flood.judge(event(.failure, .critical, result: "internal"), at: 0)
        #expect(flood.summaries(at: 1, all: true).map(\.priority) == [.critical])
        #expect(flood.summaries(at: 1, all: true).isEmpty)
    }
}
