import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

/// USER_ADD, USER_LIST, USER_DELETE, USER_SESSIONS and USER_LOGOUT.
struct UserOperationsTests {
    private let harness = Harness(place: .admin)

    private func add(_ name: String, _ more: [String: Any] = [:]) async -> Reply {
        await harness.ask("USER_ADD", ["username": name, "email": "\(name)@example.org"].merging(more) { $1 })
    }

    @Test(arguments: ["USER_ADD", "USER_SHOW", "USER_LIST", "USER_SET", "USER_DELETE", "USER_SESSIONS", "USER_LOGOUT"])
    func theAppSocketRefusesIt(op: String) async {
        harness.caller = Caller(peer: harness.caller.peer, place: .app)
        #expect(await harness.ask(op, ["user": "ada", "role": "admin"]).error == "forbidden_op")
    }

    // MARK: USER_ADD

    @Test func anAccountIsMadeAsAskedFor() async throws {
        let reply = await add(
            "ada",
            [
                "password": Harness.password, "role": "admin", "permissions": ["user:*"], "claims": ["a": 1],
                "email_verified": true,
            ])
        let user = try #require(reply.object("user"))
        #expect(user["role"] as? String == "admin" && user["permissions"] as? [String] == ["user:*"])
        #expect(user["email_verified"] as? Bool == true && user["disabled"] as? Bool == false)
        #expect(user["claims"] as? [String: Int] == ["a": 1] && user["created_at"] as? Int64 == harness.now)
        #expect(!reply.has("access_token"))
        let token = await harness.login().accessToken
        #expect(await harness.ask("AUTHORIZE", ["token": token, "roles": ["admin"], "permissions": ["user:delete"]]).isOK)
        let event = try #require(harness.log.events(.userAdded).first)
        #expect(event.user == "ada" && event.change?.before == nil)
        #expect(event.change?.after?.hasPrefix(#"{"username":"ada","email":"ada@example.org","role":"admin""#) == true)
    }

    @Test func withoutAPasswordOnlyRecoverOpensIt() async throws {
        #expect(await add("ada").object("user")?["role"] as? String == "user")
        #expect(harness.hasher.counts.hashes == 0)
        #expect(await harness.login("ada", "").error == "invalid_credentials")
        let token = try #require(await harness.ask("RECOVER", ["email": "ada@example.org"]).string("reset_token"))
        #expect(await harness.ask("RESET", ["reset_token": token, "new_password": Harness.password]).isOK)
        #expect(await harness.login().isOK)
    }

    @Test func whatCannotBeIsRefused() async {
        _ = await harness.register()
        for (field, value) in [("username", "ADA"), ("email", "ADA@example.org")] {
            let reply = await add("eve", [field: value])
            #expect(reply.error == "account_exists" && reply.field == field)
        }
        for (field, value) in [
            ("username", "a b"), ("email", "x"), ("role", "a b"), ("permissions", ["*"]), ("claims", ["sub": 1]),
            ("claims", ["a": String(repeating: "x", count: 3_000)]), ("email_verified", "yes"), ("password", 5),
        ] as [(String, Any)] {
            let reply = await add("eve", [field: value])
            #expect(reply.error == "invalid_field" && reply.field == field, "\(field): \(reply)")
        }
        #expect(await add("eve", ["password": "short"]).error == "weak_password")
        harness.quality.judge("good enough", .success(.dictionary))
        #expect(await add("eve", ["password": "good enough"]).error == "weak_password")
        #expect(await harness.ask("USER_SHOW", ["user": "eve"]).field == "user")
    }

    // MARK: USER_LIST

    /// The names of all pages, and how many there were.
    private func list(_ members: [String: Any]) async -> (names: [String], pages: Int) {
        var (names, pages, after) = ([String](), 0, String?.none)
        repeat {
            let page = await harness.ask("USER_LIST", members.merging(after.map { ["after": $0] } ?? [:]) { $1 })
            names += (page.objects("users") ?? []).compactMap { $0["username"] as? String }
            after = page.string("after")
            pages += 1
        } while after != nil && pages < 100
        return (names, pages)
    }

    @Test func usersAreListedPageByPage() async throws {
        for name in ["ada", "bob", "Adele", "carol", "dave"] { #expect(await add(name).isOK) }
        #expect(await harness.ask("USER_SET", ["user": "bob", "role": "admin", "disabled": true]).isOK)
        #expect(await harness.ask("USER_SET", ["user": "dave", "role": "admin", "email": "Adam@example.org"]).isOK)
        harness.log.clear()
        let all = await list([:])
        #expect(Set(all.names).count == 5 && all.pages == 1)
        let byTwo = await list(["limit": 2])
        #expect(byTwo.names == all.names && byTwo.pages == 3)
        #expect(await Set(list(["role": "admin"]).names) == ["bob", "dave"])
        #expect(await list(["disabled": true]).names == ["bob"])
        #expect(await Set(list(["disabled": false, "role": "admin"]).names) == ["dave"])
        for limit in [1, 2, 100] {
            #expect(await list(["search": "AD", "limit": limit]).names == ["ada", "Adele", "dave"])
            #expect(await list(["search": "adam@", "limit": limit]).names == ["dave"])
            #expect(await list(["search": "ad", "role": "admin", "limit": limit]).names == ["dave"])
            #expect(await list(["search": "é", "limit": limit]).names == [])
        }
        let first = try #require(await harness.ask("USER_LIST", ["search": "bob"]).objects("users")?.first)
        #expect(first["disabled"] as? Bool == true && first["second_factor"] as? Bool == false && first["password_hash"] == nil)
        #expect(Set(harness.log.events.map(\.kind)) == [.userShown])
    }

    @Test func whatCannotBeListedIsTold() async {
        for (field, value) in [
            ("limit", 0), ("limit", 1_001), ("limit", "5"), ("after", "ada"), ("after", 5), ("role", 5), ("search", 5),
            ("disabled", "x"),
        ] as [(String, Any)] {
            #expect(await harness.ask("USER_LIST", [field: value]).field == field)
        }
        #expect(await harness.ask("USER_LIST", ["search": "a", "after": "a b"]).field == "after")
    }

    // MARK: USER_DELETE

    @Test func anAccountIsDeleted() async throws {
        let first = await harness.register()
        let reply = await harness.ask("USER_DELETE", ["user": "ada@example.org"])
        #expect(reply.bool("deleted") == true && harness.userID(reply) == harness.userID(first))
        let refused = await harness.verify(first.accessToken)
        #expect(refused.error == "token_revoked")
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
        #expect(await harness.login().error == "invalid_credentials")
        #expect(await harness.register().isOK)
        let event = try #require(harness.log.events(.userDeleted).first)
        #expect(event.user == "ada" && event.change?.after == nil)
        #expect(event.change?.before?.hasPrefix(#"{"username":"ada""#) == true)
    }

    // MARK: USER_SESSIONS and USER_LOGOUT

    @Test func sessionsAreListedAndEnded() async throws {
        let first = await harness.register()
        harness.clock.advance(seconds: 1)
        let second = await harness.login("ada", Harness.password, ["client": ["ip": "192.0.2.7"]])
        let bystander = await harness.register("bob")
        let listed = try #require(await harness.ask("USER_SESSIONS", ["user": "ada"]).objects("sessions"))
        let ids = try listed.map { try #require($0["id"] as? String) }
        #expect(ids == [second, first].map { claims(of: $0.accessToken)["sid"] as? String })
        #expect(listed[0]["current"] == nil && (listed[0]["client"] as? [String: String])?["ip"] == "192.0.2.7")

        func logOut(_ members: [String: Any]) async -> Reply {
            await harness.ask("USER_LOGOUT", members.merging(["user": "ada"]) { $1 })
        }
        #expect(await logOut(["session": ids[0]]).integer("sessions_ended") == 1)
        #expect(await harness.verify(second.accessToken).error == "token_revoked")
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await logOut(["session": ids[0]]).integer("sessions_ended") == 0)
        // Another user's is not theirs.
        let other = try #require(claims(of: bystander.accessToken)["sid"] as? String)
        #expect(await logOut(["session": other]).integer("sessions_ended") == 0)
        #expect(await logOut(["session": "x"]).field == "session")
        #expect(await logOut([:]).integer("sessions_ended") == 1)
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
        #expect(await harness.verify(bystander.accessToken).isOK)
        #expect(await harness.ask("USER_SESSIONS", ["user": "ada"]).objects("sessions")?.isEmpty == true)
        #expect(harness.log.events(.userLoggedOut).map(\.user) == ["ada", "ada", "ada", nil, "ada"])
        #expect(harness.log.events(.userLoggedOut).map(\.result) == ["ok", "ok", "ok", "invalid_field", "ok"])
    }
}
