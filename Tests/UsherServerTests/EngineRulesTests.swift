import Glibc
import Testing
import UsherModel
import UsherOperations
import UsherTesting

@testable import UsherServer

/// Rules and connections. Every peer here is this process.
struct EngineRulesTests {
    private func rule(_ operations: [String]? = nil, _ change: (inout Rule) -> Void = { _ in }) -> Rule {
        var rule = Rule(operations: operations.map { OperationSet($0) } ?? .all(at: .app))
        change(&rule)
        return rule
    }

    private let recover = #"{"op":"RECOVER","email":"a@x"}"# + "\n"
    private let verify = #"{"op":"VERIFY","token":"x"}"# + "\n"

    private func results(_ rig: EngineRig, _ client: Client, _ text: String) async -> [String] {
        client.send(text)
        rig.run()
        await rig.finishAll()
        return client.lines().map(\.result)
    }

    @Test func aSocketHasItsRule() async {
        let rig = EngineRig(rules: [rule(["VERIFY"]) { $0.socket = "blog" }])
        #expect(await results(rig, rig.connect(to: "blog"), recover + verify) == ["forbidden_op", "token_invalid"])
        #expect(await results(rig, rig.connect(to: "app"), recover + verify) == ["ok", "token_invalid"])
        // It has none: it may call nothing, and is told so at once.
        let other = rig.connect(to: "blgo")
        #expect(other.lines().map(\.result) == ["forbidden_op"])
        #expect(other.isAtEnd)
    }

    @Test func aUserHasARule() async {
        let rig = EngineRig(rules: [rule([]) { $0.uid = geteuid() &+ 1 }, rule(["VERIFY"]) { $0.uid = geteuid() }])
        #expect(await results(rig, rig.connect(), recover + verify) == ["forbidden_op", "token_invalid"])
    }

    @Test func aGroupHasARule() async {
        var groups = [gid_t](repeating: 0, count: 1024)
        let count = unsafe getgroups(Int32(groups.count), &groups)
        for group in groups.prefix(Int(max(count, 0))) + [getegid()] {
            let rig = EngineRig(rules: [rule(["VERIFY"]) { $0.gid = group }])
            #expect(await results(rig, rig.connect(), recover) == ["forbidden_op"])
        }
        let rig = EngineRig(rules: [rule(["VERIFY"]) { $0.gid = .max - 1 }])
        #expect(await results(rig, rig.connect(), recover) == ["ok"])
    }

    @Test func whoMayCallNothingIsTurnedAway() {
        let rig = EngineRig(rules: [rule([])])
        let client = rig.connect()
        #expect(client.lines().map(\.result) == ["forbidden_op"])
        client.receive()
        #expect(client.isAtEnd)
        #expect(rig.engine.connectionCount == 0)
        let event = rig.log.events.last
        #expect(event?.kind == .refused && event?.peer?.uid == geteuid() && event?.message.contains("rule[1]") == true)
    }

    @Test func connectionsOfARuleAreCapped() {
        let rig = EngineRig(rules: [rule { ($0.socket, $0.connections) = ("blog", .count(2)) }])
        var clients = [rig.connect(to: "blog"), rig.connect(to: "blog")]
        let third = rig.connect(to: "blog")
        #expect(third.lines().map(\.result) == ["busy"])
        #expect(rig.log.events.last?.kind == .limit && rig.log.events.last?.message.contains("rule[1]") == true)
        let others = (0..<5).map { _ in rig.connect() }
        #expect(rig.engine.connectionCount == 7)
        // One that ends makes room.
        clients[0].close()
        rig.run()
        clients[0] = rig.connect(to: "blog")
        clients[0].send(ping())
        rig.run()
        #expect(clients[0].lines().map(\.result) == ["ok"])
        for other in others {
            other.send(ping())
            rig.run()
            #expect(other.lines().map(\.result) == ["ok"])
        }
    }

    @Test func aReloadTakesRulesUpForOpenConnections() async {
        let rig = EngineRig()
        let (blog, app) = (rig.connect(to: "blog"), rig.connect())
        for client in [blog, app] { #expect(await results(rig, client, recover) == ["ok"]) }
        rig.adopt([rule(["VERIFY"]) { ($0.socket, $0.connections) = ("blog", .count(1)) }])
        #expect(await results(rig, blog, recover + verify) == ["forbidden_op", "token_invalid"])
        #expect(await results(rig, app, recover) == ["ok"])
        // Those that were open before count.
        #expect(rig.connect(to: "blog").lines().map(\.result) == ["busy"])
        rig.adopt([rule([])])
        for client in [blog, app] { #expect(await results(rig, client, ping()) == ["forbidden_op"]) }
        rig.adopt([])
        #expect(await results(rig, blog, recover) == ["ok"])
        #expect(await results(rig, rig.connect(to: "blog"), recover) == ["ok"])
    }

    @Test func aRateIsSharedByAllConnectionsOfARule() async {
        let rig = EngineRig(rules: [rule { ($0.socket, $0.rate) = ("blog", Rate("3/m")) }])
        let (one, other, app) = (rig.connect(to: "blog"), rig.connect(to: "blog"), rig.connect())
        #expect(await results(rig, one, ping() + ping()) == ["ok", "ok"])
        #expect(await results(rig, other, ping() + ping()) == ["ok", "busy"])
        #expect(await results(rig, one, ping()) == ["busy"])
        #expect(await results(rig, app, ping() + ping() + ping() + ping()) == ["ok", "ok", "ok", "ok"])
        rig.clock.advance(milliseconds: 20_000)
        #expect(await results(rig, one, ping() + ping()) == ["ok", "busy"])
    }
}
