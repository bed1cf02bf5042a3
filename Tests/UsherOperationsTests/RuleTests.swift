import Testing
import UsherModel

@testable import UsherOperations

struct RuleTests {
    private let peer = Peer(uid: 1000, gid: 100, pid: 1)

    private func rule(
        socket: String? = nil, uid: UInt32? = nil, gid: UInt32? = nil, _ operations: [String] = ["VERIFY"]
    ) -> Rule {
        var rule = Rule(operations: OperationSet(operations))
        (rule.socket, rule.uid, rule.gid) = (socket, uid, gid)
        return rule
    }

    /// What the peer may call, by these rules.
    private func operations(
        _ rules: [Rule], groups: [UInt32] = [], on socket: String = "app", at place: Operation.Place = .app
    ) -> OperationSet {
        Rules(rules, at: 0).rights(of: peer, groups: groups, on: socket, at: place).operations
    }

    @Test func withoutRulesEverySocketOfAppsIsOpen() {
        for socket in ["app", "blog"] { #expect(operations([], on: socket) == .all(at: .app)) }
    }

    @Test func whomNoRuleIsAboutHasTheSocketForAppsAlone() {
        let rules = [rule(socket: "shop"), rule(uid: 999), rule(gid: 999)]
        #expect(operations(rules) == .all(at: .app))
        #expect(operations(rules, on: "blog") == .none)
    }

    @Test func whatIsGivenMustHoldAltogether() {
        let verify = OperationSet(["VERIFY"])
        #expect(operations([rule(socket: "blog")], on: "blog") == verify)
        #expect(operations([rule(uid: 1000)]) == verify)
        #expect(operations([rule()]) == verify)
        #expect(operations([rule(socket: "app", uid: 1000, gid: 100)]) == verify)
        #expect(operations([rule(socket: "app", uid: 1001, gid: 100)]) == .all(at: .app))
        #expect(operations([rule(socket: "blog", uid: 1000, gid: 100)]) == .all(at: .app))
        #expect(operations([rule(socket: "app", uid: 1000, gid: 101)]) == .all(at: .app))
    }

    @Test func aGroupIsAnyOfThePeers() {
        let rules = [rule(gid: 7)]
        #expect(operations(rules, groups: [5, 6]) == .all(at: .app))
        #expect(operations(rules, groups: [5, 6, 7]) == OperationSet(["VERIFY"]))
        #expect(operations([rule(gid: 100)]) == OperationSet(["VERIFY"]))
        #expect(Rules(rules, at: 0).concernGroups)
        #expect(!Rules([rule(uid: 7), rule()], at: 0).concernGroups)
    }

    @Test func theFirstThatAppliesDecides() {
        let rules = [rule(uid: 999, []), rule(uid: 1000, ["LOGIN"]), rule(uid: 1000), rule([])]
        #expect(operations(rules) == OperationSet(["LOGIN"]))
        #expect(operations(rules.reversed()) == .none)
    }

    @Test func noRuleConcernsTheAdminSocket() {
        #expect(operations([rule([])], on: "admin", at: .admin) == .all(at: .admin))
    }

    @Test func connectionsOfOneRuleShareItsRights() {
        let rules = Rules([rule(gid: 100), rule()], at: 0)
        let one = rules.rights(of: peer, groups: [], on: "app", at: .app)
        #expect(one === rules.rights(of: Peer(uid: 5, gid: 100, pid: 9), groups: [], on: "blog", at: .app))
        #expect(one !== rules.rights(of: Peer(uid: 5, gid: 5, pid: 9), groups: [], on: "app", at: .app))
    }

    @Test func aShareOfConnections() {
        func room(_ share: Rule.Share?, of all: Int, with present: Int) -> Bool {
            var rule = rule()
            rule.connections = share
            let rights = Rights(rule, number: 1, at: 0)
            for _ in 0..<present { rights.enter() }
            return rights.hasRoom(of: all)
        }
        #expect(room(.count(3), of: 100, with: 2) && !room(.count(3), of: 100, with: 3))
        #expect(room(.percent(50), of: 8, with: 3) && !room(.percent(50), of: 8, with: 4))
        // Who is given a share has one.
        #expect(room(.percent(1), of: 8, with: 0) && !room(.percent(1), of: 8, with: 1))
        #expect(room(nil, of: 8, with: 100))
        let rights = Rights(everythingAt: .app)
        rights.enter()
        rights.leave()
        #expect(rights.connections == 0)
    }
}

struct OperationSetTests {
    @Test func thereIsABitForEveryOperation() {
        #expect(Registry.operations.count <= OperationSet.capacity)
        let all = OperationSet.all(at: .admin)
        for index in Registry.operations.indices { #expect(all.contains(index)) }
        #expect(!all.contains(Registry.operations.count))
        #expect(!all.contains(OperationSet.capacity) && !all.contains(-1) && !all.contains(.max))
        #expect(all.names == Registry.operations.map(\.name))
    }

    @Test func administratorsOperationsAreNotTheApps() {
        let apps = OperationSet.all(at: .app)
        for (index, operation) in Registry.operations.enumerated() { #expect(apps.contains(index) == (operation.place == .app)) }
    }

    @Test func whoMayCallAnythingMayAskWhatThereIs() {
        #expect(OperationSet(["VERIFY", "AUTHORIZE"]).names == ["VERIFY", "AUTHORIZE", "PING", "HELP"])
        #expect(OperationSet([]) == .none && OperationSet.none.isEmpty && OperationSet([]).names == [])
    }
}

struct RateTests {
    @Test(arguments: [("1000/s", 1000, 1000), ("30/m", 30, 60_000), ("1/h", 1, 3_600_000), ("1000000/s", 1_000_000, 1000)])
    func aRateIsReadAndShown(_ text: String, _ count: Int64, _ period: Int64) throws {
        let rate = try #require(Rate(text))
        #expect(rate.count == count && rate.period == period && rate.text == text)
    }

    @Test(arguments: [
        "", "5", "/s", "5/", "0/s", "-1/s", "+1/s", "1.5/s", "5/d", "5/S", "5 /s", "5/s/s", "1000001/s", "99999999999999999999/s",
    ])
    func anythingElseIsNone(_ text: String) { #expect(Rate(text) == nil) }

    @Test func itsCountMayComeAtOnceAndComesBackEvenly() throws {
        var bucket = RateBucket(try #require(Rate("3/m")), at: 1_000)
        for _ in 0..<3 { #expect(bucket.take(at: 1_000) == nil) }
        #expect(bucket.take(at: 1_000) == 20_000)
        #expect(bucket.take(at: 20_999) == 1)
        #expect(bucket.take(at: 21_000) == nil)
        #expect(bucket.take(at: 21_000) == 20_000)
        // Never more than the count, however long nobody asked.
        for _ in 0..<3 { #expect(bucket.take(at: .max / 2) == nil) }
        #expect(bucket.take(at: .max / 2) == 20_000)
        // A clock that goes back gives nothing.
        #expect(bucket.take(at: 0) == 20_000)
    }

    @Test func fastOnesAreExact() throws {
        var bucket = RateBucket(try #require(Rate("1000000/s")), at: 0)
        var taken = 0
        for now: Int64 in 0..<100 { while bucket.take(at: now) == nil { taken += 1 } }
        #expect(taken == 1_000_000 + 99 * 1000)
        #expect(bucket.take(at: 99) == 1)
    }
}
