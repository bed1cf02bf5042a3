import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

/// AUDIT, and what each act of an administrator leaves behind for it.
struct AuditTests {
    private let harness = Harness(place: .admin)

    init() { harness.caller = Caller(peer: Peer(uid: 0, gid: 0, pid: 1), place: .admin) }

    private func add(_ name: String, _ more: [String: Any] = [:]) async -> Reply {
        await harness.ask("USER_ADD", ["username": name, "email": "\(name)@example.org"].merging(more) { $1 })
    }

    /// The lines of the latest entries from their `op` on, the latest first.
    private func entries(_ members: [String: Any] = [:]) async -> [String] {
        let line = await harness.ask("AUDIT", members).line
        return line.split(separator: #""op":"#).dropFirst().map { String($0.prefix { $0 != "\n" }) }
    }

    @Test func theAppSocketRefusesIt() async {
        harness.caller = Caller(peer: harness.caller.peer, place: .app)
        #expect(await harness.ask("AUDIT", [:]).error == "forbidden_op")
    }

    @Test func eachActIsKept() async throws {
        #expect(await harness.ask("AUDIT", [:]).line == #"{"ok":true,"entries":[],"after":null}"#)
        let id = try #require(harness.userID(await add("ada", ["role": "editor", "password": Harness.password])))
        #expect(
            await entries()[0].hasPrefix(
                #""USER_ADD","actor":{"uid":0,"name":"root"},"user":{"id":"\#(id)","username":"ada"},"before":null,"after":{"username":"ada","email":"ada@example.org","role":"editor","#
            ))
        #expect(harness.log.events(.userAdded).first?.fields.first { $0.name == "peer_name" }?.value == "root")
        harness.clock.advance(seconds: 5)
        harness.caller = Caller(peer: Peer(uid: 999, gid: 0, pid: 1), place: .admin)
        #expect(await harness.ask("USER_SET", ["user": "ada", "role": "user", "password": "battery staple"]).isOK)
        let line = await harness.ask("AUDIT", ["limit": 1]).line
        #expect(
            line
                == #"{"ok":true,"entries":[{"id":2,"at":\#(harness.now),"op":"USER_SET","actor":{"uid":999,"name":null},"user":{"id":"\#(id)","username":"ada"},"#
                + #""before":{"role":"editor"},"after":{"role":"user","password":"changed"}}],"after":2}"#)
        _ = await harness.ask("ROLE_GRANT", ["role": "user", "permissions": ["a:b"]])
        _ = await harness.ask("ROLE_REVOKE", ["role": "user", "permissions": ["b"]])
        _ = await harness.ask("ROLE_DELETE", ["role": "user"])
        let session = try #require(claims(of: await harness.login("ada", "battery staple").accessToken)["sid"] as? String)
        _ = await harness.ask("USER_LOGOUT", ["user": "ada", "session": session])
        _ = await harness.ask("USER_LOGOUT", ["user": "ada"])
        _ = await harness.ask("USER_DELETE", ["user": "ada"])
        _ = await harness.ask("IMPORT", ["users": [["username": "bob", "email": "bob@example.org"]]])
        _ = await harness.ask("IMPORT", ["commit": 1])
        _ = await harness.ask("EXPORT", [:])
        _ = await harness.ask("BACKUP", [:])
        let told = await entries().map {
            $0.replacing(#","actor":{"uid":999,"name":null}"#, with: "").replacing(
                #""user":{"id":"\#(id)","username":"ada"}"#, with: "ADA")
        }
        let expected = [
            #""BACKUP","before":null,"after":null}"#, #""EXPORT","before":null,"after":null}"#,
            #""IMPORT","before":null,"after":{"users":1}}"#,
            #""USER_DELETE",ADA,"before":{"username":"ada","email":"ada@example.org""#,
            #""USER_LOGOUT",ADA,"before":null,"after":{"sessions_ended":0}}"#,
            #""USER_LOGOUT",ADA,"before":null,"after":{"sessions_ended":1,"session":"\#(session)"}}"#,
            #""ROLE_DELETE","role":"user","before":{"permissions":["a:b"]},"after":null}"#,
            #""ROLE_REVOKE","role":"user","before":{"permissions":["a:b"]},"after":{"permissions":["a:b"]}}"#,
            #""ROLE_GRANT","role":"user","before":null,"after":{"permissions":["a:b"]}}"#, #""USER_SET""#, #""USER_ADD""#,
        ]
        #expect(told.count == expected.count)
        for (told, expected) in zip(told, expected) { #expect(told.hasPrefix(expected)) }
        #expect(await !harness.ask("AUDIT", [:]).line.contains("fast"), "no hash is in it")
        // What users do by themselves, and what is refused or only looked at, is not an act.
        let token = await harness.register("eve").accessToken
        #expect(await harness.ask("DELETE", ["token": token, "password": Harness.password]).isOK)
        for op in ["USER_SET", "USER_DELETE", "USER_LOGOUT", "USER_SHOW"] {
            #expect(await !harness.ask(op, ["user": "nobody", "role": "x"]).isOK)
        }
        _ = await harness.ask("USER_LIST", [:])
        #expect(await entries().count == expected.count)
    }

    @Test func aStoreThatFailsLeavesNeither() async throws {
        _ = await add("ada")
        harness.store.fail([.administer, .editRole, .delete], with: .storeUnavailable(cause: "x"))
        #expect(await harness.ask("USER_SET", ["user": "ada", "role": "boss"]).error == "store_unavailable")
        #expect(await harness.ask("USER_DELETE", ["user": "ada"]).error == "store_unavailable")
        #expect(await harness.ask("ROLE_GRANT", ["role": "a", "permissions": ["x"]]).error == "store_unavailable")
        #expect(await entries().count == 1)
    }

    @Test func anExportIsOneActHoweverManyPages() async throws {
        for name in ["ada", "bob", "eve"] { _ = await harness.register(name) }
        func export(after: String? = nil) async -> String? {
            await harness.ask("EXPORT", ["limit": 1].merging(after.map { ["after": $0] } ?? [:]) { $1 }).string("next")
        }
        let second = try #require(await export())
        _ = await export(after: second)
        #expect(await entries(["operation": "export"]).count == 1)
        // From the beginning again, and on another connection: nobody gets a page unseen.
        _ = await export()
        #expect(await entries().count == 2)
        harness.caller = Caller(peer: harness.caller.peer, place: .admin)
        _ = await export(after: second)
        #expect(await entries().count == 3)
    }

    @Test func whatIsAskedForIsFound() async throws {
        let id = try #require(harness.userID(await add("ada")))
        _ = await add("bob")
        harness.caller = Caller(peer: Peer(uid: 5, gid: 0, pid: 1), place: .admin)
        _ = await harness.ask("USER_SET", ["user": "ada", "role": "boss"])
        for user in [id.description, "ADA", "ada@example.org"] { #expect(await entries(["user": user]).count == 2) }
        #expect(await entries(["user": "ada", "actor": 5]).count == 1)
        #expect(await entries(["actor": 0]).count == 2)
        #expect(await entries(["operation": "user_add"]).count == 2)
        let first = await harness.ask("AUDIT", ["limit": 2])
        #expect(first.objects("entries")?.count == 2 && first.integer("after") == 2)
        let last = await harness.ask("AUDIT", ["limit": 2, "after": 2])
        #expect(last.objects("entries")?.count == 1 && last.string("after") == nil)
        _ = await harness.ask("USER_DELETE", ["user": "ada"])
        #expect(await entries(["user": id.description]).count == 3)
        #expect(await harness.ask("AUDIT", ["user": "ada"]).field == "user")
        for (field, value) in [
            ("user", "a b"), ("user", 5), ("actor", -1), ("actor", "root"), ("operation", "x"), ("limit", 0), ("limit", 1_001),
            ("after", 0), ("after", "x"),
        ] as [(String, Any)] {
            #expect(await harness.ask("AUDIT", [field: value]).field == field, "\(field)")
        }
    }

    @Test func whatIsOldOrTooMuchGoesWithThePurge() async throws {
        var limits = Limits()
        limits.auditAge = 100
        limits.auditActsKept = 3
        let harness = Harness(limits: limits, place: .admin)
        func names() async throws -> [String] {
            try await harness.service.purge()
            let entries = try #require(await harness.ask("AUDIT", [:]).objects("entries"))
            return entries.compactMap { $0["role"] as? String }
        }
        for role in ["a", "b", "c", "d"] { _ = await harness.ask("ROLE_GRANT", ["role": role, "permissions": ["x"]]) }
        #expect(try await names() == ["d", "c", "b"])
        harness.clock.advance(seconds: 101 + TokenSettings.longestClockTolerance)
        _ = await harness.ask("ROLE_GRANT", ["role": "e", "permissions": ["x"]])
        #expect(try await names() == ["e"])
        // A clock that is ahead takes nothing away.
        harness.clock.stepWall(milliseconds: 86_400_000 * 365)
        #expect(try await names() == ["e"])
        limits.auditActsKept = 1
        harness.service.adopt(Harness.settings(limits: limits))
        _ = await harness.ask("ROLE_GRANT", ["role": "f", "permissions": ["x"]])
        #expect(try await names() == ["f"])
    }
}
