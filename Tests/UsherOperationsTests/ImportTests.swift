import Foundation
import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct ImportTests {
    private let harness = Harness(threshold: .info, place: .admin)

    private static let hash = PasswordHash("$fast$1$1$1")

    /// A user with whatever is to be other than usual; a nil takes a member away.
    private static func user(_ name: String, _ more: [String: Any?] = [:]) -> [String: Any] {
        let usual: [String: Any?] = ["username": name, "email": "\(name)@example.org", "password_hash": hash.text]
        return usual.merging(more) { $1 }.compactMapValues { $0 }
    }

    private func batch(_ users: [[String: Any]], line: Int? = nil) async -> Reply {
        await harness.ask("IMPORT", ["users": users].merging(line.map { ["line": $0] } ?? [:]) { $1 })
    }

    private func commit(_ count: Int) async -> Reply { await harness.ask("IMPORT", ["commit": count]) }

    private func exported() async -> [[String: Any]] { await harness.ask("EXPORT", [:]).objects("users") ?? [] }

    /// Another connection of the same peer.
    private func reconnect(leaving: Bool = true) {
        if leaving { harness.caller.leave() }
        harness.caller = Caller(peer: harness.caller.peer, place: .admin)
    }

    // MARK: What comes of it

    @Test func usersLogInWithThePasswordsTheyHad() async throws {
        let secret = SecretBytes(copying: Array("old password".utf8).span)
        let hash = try harness.hasher.hash(secret).text
        #expect(await batch([Self.user("ada", ["password_hash": hash]), Self.user("bob")]).integer("staged") == 2)
        #expect(await harness.login("ada", "old password").error == "invalid_credentials")
        #expect(await batch([Self.user("eve")]).integer("staged") == 3)
        #expect(await commit(3).line == #"{"ok":true,"imported":3}"#)
        let reply = await harness.login("ada", "old password")
        let user = try #require(reply.object("user"))
        #expect(user["role"] as? String == "user")
        #expect(user["created_at"] as? Int64 == harness.now)
        #expect(await harness.login("eve", "old password").error == "invalid_credentials")
    }

    @Test func everythingIsTakenOver() async throws {
        let id = "01900000-0000-7000-8000-00000000000a"
        let user = Self.user(
            "ada",
            [
                "id": id, "role": "editor", "permissions": ["post:*", "a b"],
                "claims": ["department": "R&D", "deep": [["a": 1]]],
                "email_verified": true, "disabled": true, "created_at": 5, "last_login_at": 7,
            ])
        #expect(await batch([user]).isOK)
        #expect(await commit(1).isOK)
        let exported = try #require(await exported().first)
        #expect(exported as NSDictionary == user as NSDictionary)
        #expect(await harness.login("ada").error == "invalid_credentials")
    }

    /// Nobody has chosen a password for them, so none is right.
    @Test func withoutAHashNoPasswordIsRight() async throws {
        #expect(await batch([Self.user("ada", ["password_hash": nil])]).isOK)
        #expect(await commit(1).isOK)
        #expect(await exported().first?["password_hash"] as? String == harness.hasher.decoy(like: nil).text)
        #expect(await harness.login("ada").error == "invalid_credentials")
    }

    @Test func newIdsKeepTheOrderOfTheFile() async {
        let names = (0..<200).map { "user\($0)" }
        #expect(await batch(names.map { Self.user($0) }).isOK)
        #expect(await commit(200).isOK)
        #expect(await exported().compactMap { $0["username"] as? String } == names)
    }

    @Test func itIsInTheJournal() async {
        _ = await batch([Self.user("ada")])
        _ = await commit(1)
        _ = await commit(1)
        _ = await exported()
        let events = harness.log.events
        #expect(events.map(\.kind) == [.imported, .imported, .exported])
        #expect(events.map(\.result) == ["ok", "invalid_field", "ok"])
        #expect(events.map(\.priority) == [.info, .notice, .info])
        #expect(events[0].message == "IMPORT granted; 1 users")
        #expect(events[2].message == "EXPORT granted; 1 users")
        #expect(events.allSatisfy { $0.peer == harness.caller.peer && !$0.message.contains("$fast") })
    }

    // MARK: All or nothing

    @Test func aBatchIsTakenWholeOrNotAtAll() async {
        let reply = await batch([Self.user("ada"), Self.user("bob"), Self.user("Ada")], line: 11)
        #expect(reply.error == "account_exists")
        #expect(reply.integer("status") == 409)
        #expect(reply.field == "username")
        #expect(reply.integer("line") == 13)
        #expect(reply.string("message") == "Line 13: line 11 has this username.")
        // What was mended is sent again.
        #expect(await batch([Self.user("ada"), Self.user("bob")], line: 11).integer("staged") == 2)
        #expect(await commit(2).isOK)
    }

    /// However many batches come within a millisecond.
    @Test func newIDsAreInTheOrderOfTheFile() async {
        let names = (0..<40).map { "user-\($0)" }
        for (index, name) in names.enumerated() { #expect(await batch([Self.user(name)], line: index + 1).isOK) }
        #expect(await commit(40).isOK)
        #expect(await exported().map { $0["username"] as? String } == names)
    }

    @Test func aMissingUserIsNoticed() async {
        #expect(await batch([Self.user("ada")]).isOK)
        let reply = await commit(2)
        #expect(reply.error == "invalid_field")
        #expect(reply.field == "commit")
        #expect(reply.string("message")?.contains("has sent 1 good ones") == true)
        #expect(await exported().isEmpty)
        // That was its end.
        #expect(await commit(1).field == "commit")
        #expect(await exported().isEmpty)
    }

    @Test func whoRegistersMeanwhileComesFirst() async {
        #expect(await batch([Self.user("ada"), Self.user("bob")]).isOK)
        _ = await harness.register("bob")
        let reply = await commit(2)
        #expect(reply.error == "account_exists")
        #expect(reply.field == "username")
        #expect(reply.integer("line") == 2)
        #expect(await harness.login("ada").error == "invalid_credentials")
        #expect(await exported().count == 1)
    }

    @Test func existingAccountsStand() async throws {
        let ada = await harness.register("ada")
        let id = try #require(harness.userID(ada)).description
        for (user, field) in [
            (Self.user("ADA", ["email": "x@example.org"]), "username"), (Self.user("x", ["email": "Ada@Example.ORG"]), "email"),
            (Self.user("x", ["id": id]), "id"),
        ] {
            let reply = await batch([Self.user("bob"), user], line: 1)
            #expect(reply.error == "account_exists")
            #expect(reply.field == field)
            #expect(reply.integer("line") == 2)
            #expect(reply.string("message") == "Line 2: another account has this \(field).")
        }
    }

    // MARK: Whose it is

    @Test func itEndsWithItsConnection() async {
        #expect(await batch([Self.user("ada")]).isOK)
        reconnect()
        #expect(harness.service.hasAbandonedWork)
        #expect(await commit(1).field == "commit")
        await harness.service.endAbandonedWork()
        #expect(!harness.service.hasAbandonedWork)
        // Nothing of it is left to stand in the way.
        #expect(await batch([Self.user("ada"), Self.user("bob")]).integer("staged") == 2)
        #expect(await commit(2).isOK)
    }

    @Test func theNextOneBeginsAnewWhereNobodyHasEndedIt() async {
        #expect(await batch([Self.user("ada")]).isOK)
        reconnect()
        #expect(await batch([Self.user("ada")]).integer("staged") == 1)
        #expect(await commit(1).isOK)
    }

    @Test func thereIsOneAtATime() async {
        #expect(await batch([Self.user("ada")]).isOK)
        let first = harness.caller
        reconnect(leaving: false)
        let reply = await batch([Self.user("bob")])
        #expect(reply.error == "busy")
        #expect(reply.integer("retry_after_ms") == 1000)
        #expect(await commit(1).field == "commit")
        harness.caller = first
        #expect(await commit(1).isOK)
        reconnect(leaving: false)
        #expect(await batch([Self.user("bob")]).isOK)
    }

    @Test func aStoreThatFailsEndsIt() async {
        #expect(await batch([Self.user("ada")]).isOK)
        harness.store.fail([.stage], with: .storeUnavailable(cause: "test"))
        #expect(await batch([Self.user("bob")]).error == "store_unavailable")
        harness.store.fail([.stage], with: nil)
        #expect(await commit(1).field == "commit")
        // A store that was opened anew has forgotten what was staged.
        #expect(await batch([Self.user("ada")]).isOK)
        harness.store.before(.stage) { [store = harness.store.inner] () throws(UsherError) in store.forgetStage() }
        #expect(await batch([Self.user("bob")]).error == "store_unavailable")
        harness.store.before(.stage, nil)
        #expect(await commit(1).field == "commit")
        #expect(await exported().isEmpty)
    }

    @Test func whatIsBusyMayBeRepeated() async {
        harness.workers.fail(with: .busy)
        #expect(await batch([Self.user("ada")]).error == "busy")
        harness.workers.fail(with: nil)
        #expect(await batch([Self.user("ada")]).isOK)
        harness.store.fail([.commitStage], with: .busy)
        #expect(await commit(1).error == "busy")
        harness.store.fail([.commitStage], with: nil)
        #expect(await commit(1).isOK)
    }

    // MARK: What is refused

    @Test(
        arguments: [
            ("username", #"{"username":"a b"}"#), ("username", #"{"username":null}"#), ("username", #"{"username":5}"#),
            ("email", #"{"email":"x"}"#), ("email", #"{"email":null}"#), ("password_hash", #"{"password_hash":"plain text"}"#),
            ("password_hash", #"{"password_hash":["$fast$1$1$1"]}"#), ("role", #"{"role":""}"#),
            ("role", #"{"role":"super user"}"#),
            ("role", #"{"role":"\#(String(repeating: "r", count: 65))"}"#), ("permissions", #"{"permissions":"post:edit"}"#),
            ("permissions", #"{"permissions":["*"]}"#), ("permissions", #"{"permissions":[""]}"#),
            ("permissions", #"{"permissions":[1]}"#), ("claims", #"{"claims":[]}"#), ("claims", #"{"claims":{"sub":"root"}}"#),
            ("claims", #"{"claims":{"r\u006fle":"admin"}}"#),
            ("claims", #"{"claims":{"text":"\#(String(repeating: "x", count: 3_500))"}}"#),
            ("claims", #"{"permissions":["\#(String(repeating: "x", count: 3_500))"]}"#),
            ("email_verified", #"{"email_verified":1}"#),
            ("disabled", #"{"disabled":"no"}"#), ("created_at", #"{"created_at":"2024-01-01"}"#),
            ("created_at", #"{"created_at":1.5}"#), ("created_at", #"{"created_at":-1}"#),
            ("created_at", #"{"created_at":1700000000000000}"#), ("last_login_at", #"{"last_login_at":true}"#),
            ("id", #"{"id":"x"}"#), ("id", #"{"id":"01900000-0000-4000-8000-00000000000a"}"#),
            ("id", #"{"id":"01900000-0000-7000-c000-00000000000a"}"#), ("id", #"{"id":"01900000-0000-7000-8000-00000000000A"}"#),
            ("is_admin", #"{"is_admin":true}"#), ("users", #"{"\#(String(repeating: "m", count: 65))":1}"#),
        ])
    func aFaultyUserIsToldWithItsLine(_ field: String, _ json: String) async throws {
        let more = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let reply = await batch([Self.user("bob"), Self.user("ada", more)], line: 40)
        #expect(reply.error == (more[field] is NSNull ? "missing_field" : "invalid_field"))
        #expect(reply.field == field)
        #expect(reply.integer("line") == 41)
        #expect(reply.string("message")?.hasPrefix("Line 41: ") == true)
        #expect(await commit(1).field == "commit")
    }

    @Test(
        arguments: [
            ("users", #"{"op":"IMPORT"}"#), ("users", #"{"op":"IMPORT","users":{}}"#), ("users", #"{"op":"IMPORT","users":[]}"#),
            ("commit", #"{"op":"IMPORT","commit":0}"#), ("commit", #"{"op":"IMPORT","commit":true}"#),
            ("commit", #"{"op":"IMPORT","commit":1,"users":[{}]}"#), ("commit", #"{"op":"IMPORT","commit":200001}"#),
            ("line", #"{"op":"IMPORT","line":0,"users":[{}]}"#), ("line", #"{"op":"IMPORT","line":"1","users":[{}]}"#),
            ("users", #"{"op":"IMPORT","users":[5]}"#), ("users", #"{"op":"IMPORT","users":[null]}"#),
        ])
    func aFaultyRequestIsTold(_ field: String, _ line: String) async {
        let reply = await harness.ask(line)
        #expect(!reply.isOK)
        #expect(reply.field == field)
    }

    @Test func aBatchIsBounded() async {
        #expect(await batch((0...Limits.importBatch).map { Self.user("user\($0)") }).field == "users")
        #expect(await batch((0..<Limits.importBatch).map { Self.user("user\($0)") }).isOK)
    }
}
