import Glibc
import Testing
import UsherHarness
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherServer

struct ReloadTests {
    /// Settings' files that are read when the test says so.
    private final class Files: Sendable {
        struct State: Sendable {
            var steps: [String] = []
            /// Readings that may be done.
            var permits = 0
            var isGood = true
        }
        let state = Mailbox(State())

        func note(_ step: String) { state.changeForAll { $0.steps.append(step) } }
        func permit() { state.changeForAll { $0.permits += 1 } }
        func wait(for steps: [String]) -> Bool { state.wait(atMost: 10_000) { $0.steps == steps ? true : nil } ?? false }

        var reload: Reload {
            Reload(
                begin: { self.note("begin") },
                read: {
                    self.note("read")
                    let isGood = self.state.wait { state -> Bool? in
                        guard state.permits > 0 else { return nil }
                        state.permits -= 1
                        return state.isGood
                    }
                    guard isGood else {
                        return Reload.Outcome(settings: nil, event: Event(.reloadFailed, .error, "no good"), remark: "no good")
                    }
                    var limits = Limits()
                    limits.line = 1_024
                    return Reload.Outcome(
                        settings: Reload.Settings(service: Harness.settings(limits: limits)) { self.note("adopt") },
                        event: Event(.reloaded, .notice, "good"), remark: nil)
                }, end: { self.note("end: \($0)") })
        }
    }

    private let files = Files()
    private let long = "{\"op\":\"PING\",\"x\":\"\(String(repeating: "x", count: 1_024))\"}\n"

    @Test func settingsAreInForceBeforeItEnds() throws {
        let rig = try ReactorRig(reload: files.reload)
        let client = rig.connect()
        client.send(long)
        #expect(client.lines(1).map(\.result) == ["ok"])
        rig.signal(SIGHUP)
        #expect(files.wait(for: ["begin", "read"]))
        // While files are read, requests are answered, by the settings before.
        client.send(long)
        #expect(client.lines(1).map(\.result) == ["ok"])
        files.permit()
        #expect(files.wait(for: ["begin", "read", "adopt", "end: 1 connection, 0 hashing, 0 verified"]))
        client.send(long)
        #expect(client.lines(1).map(\.result) == ["line_too_long"])
        #expect(rig.log.events.contains { $0.kind == .reloaded })
    }

    @Test func whatIsNoGoodChangesNothing() throws {
        files.state.withLock { $0.isGood = false }
        let rig = try ReactorRig(reload: files.reload)
        let client = rig.connect()
        files.permit()
        rig.signal(SIGHUP)
        #expect(files.wait(for: ["begin", "read", "end: no good; 1 connection, 0 hashing, 0 verified"]))
        client.send(long)
        #expect(client.lines(1).map(\.result) == ["ok"])
        #expect(rig.log.events.contains { $0.kind == .reloadFailed })
    }

    /// Asked again meanwhile, however often: once more, and only then is it over.
    @Test func theLastOneIsHeard() throws {
        let rig = try ReactorRig(reload: files.reload)
        let client = rig.connect()
        rig.signal(SIGHUP)
        #expect(files.wait(for: ["begin", "read"]))
        for _ in 0..<5 { rig.signal(SIGHUP) }
        client.send(ping())
        #expect(client.lines(1).map(\.result) == ["ok"])
        files.permit()
        #expect(files.wait(for: ["begin", "read", "adopt", "read"]))
        files.permit()
        #expect(
            files.wait(for: ["begin", "read", "adopt", "read", "adopt", "end: 1 connection, 0 hashing, 0 verified"]))
    }

    @Test func whoStopsIsNotReadyAgain() throws {
        let rig = try ReactorRig(reload: files.reload)
        _ = rig.connect()
        rig.signal(SIGHUP)
        #expect(files.wait(for: ["begin", "read"]))
        rig.stop()
        #expect(rig.waitForStopping())
        files.permit()
        rig.signal(SIGHUP)
        rig.waitForEnd()
        #expect(files.wait(for: ["begin", "read"]))
    }
}
