import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

/// USER_SET, and what USER_SHOW says after it.
struct UserSetTests {
    private let harness = Harness(place: .admin)

    private func set(_ members: [String: Any], _ user: String = "ada") async -> Reply {
        await harness.ask("USER_SET", members.merging(["user": user]) { $1 })
    }

    private func show(_ user: String = "ada") async -> [String: Any]? {
        await harness.ask("USER_SHOW", ["user": user]).object("user")
    }

    private func permissions(_ reply: Reply) -> [String]? { reply.object("user")?["permissions"] as? [String] }

    // MARK: Whom

    @Test func aUserIsNamedByIdUsernameOrEmail() async throws {
        let id = try #require(harness.userID(await harness.register())).description
        for name in [id, "ada", "ADA", "ada@example.org", "Ada@Example.ORG"] {
            let user = try #require(await show(name))
            #expect(user["id"] as? String == id)
            #expect(user["disabled"] as? Bool == false && user["second_factor"] as? Bool == false)
            #expect(user["version"] == nil && user["password_hash"] == nil)
        }
        for name in ["eve", "eve@example.org", "", "a b", "@", "01900000-0000-7000-8000-000000000001"] {
            for op in ["USER_SHOW", "USER_SET", "USER_DELETE", "USER_SESSIONS", "USER_LOGOUT"] {
                let reply = await harness.ask(op, ["user": name, "role": "admin"])
                #expect(reply.error == "invalid_field" && reply.field == "user", "\(op) \(name): \(reply)")
            }
        }
        #expect(await harness.ask("USER_SHOW", [:]).error == "missing_field")
    }

    /// Whoever registers under somebody's id is not taken for them, nor for one that is gone.
    @Test func aUsernameIsNoId() async throws {
        let id = try #require(harness.userID(await harness.register())).description
        let other = await harness.ask(
            "REGISTER", ["username": id, "email": "eve@example.org", "password": Harness.password])
        #expect(other.isOK)
        #expect(await show(id)?["username"] as? String == "ada")
        #expect(await harness.ask("USER_DELETE", ["user": "ada"]).isOK)
        #expect(await show(id) == nil)
        #expect(await show("eve@example.org") != nil)
    }

    // MARK: Privileges change at once

    @Test(arguments: [
        #""role":"editor""#, #""grant":["post:*"]"#, #""claims":{"level":3}"#, #""disabled":true"#, #""username":"Ada2""#,
        #""email":"ada2@example.org""#,
    ])
    func olderAccessTokensAreStaleAtOnce(change: String) async throws {
        let first = await harness.register()
        let bystander = await harness.register("bob")
        #expect(await harness.ask(#"{"op":"USER_SET","user":"ada",\#(change)}"#).isOK)
        let reply = await harness.ask("AUTHORIZE", ["token": first.accessToken, "roles": ["user"]])
        #expect(reply.error == "token_revoked" && reply.string("reason") == "stale")
        #expect(await harness.verify(bystander.accessToken).isOK)
        // A new process knows it, too.
        let restarted = Harness(place: .admin, restartOf: harness)
        try await restarted.service.load()
        #expect(await restarted.verify(first.accessToken).string("reason") == "stale")
        let next = await harness.refresh(first.refreshToken)
        if change.contains("disabled") {
            #expect(next.error == "account_disabled")
        } else {
            #expect(await harness.verify(next.accessToken).isOK)
        }
    }

    @Test func whatTokensSayIsWhatWasSet() async throws {
        let first = await harness.register()
        #expect(await set(["role": "editor", "permissions": ["post:*"], "claims": ["team": ["a", 1]]]).isOK)
        let next = await harness.refresh(first.refreshToken)
        #expect(
            await harness.ask("AUTHORIZE", ["token": next.accessToken, "roles": ["editor"], "permissions": ["post:edit"]]).isOK)
        #expect(await harness.verify(next.accessToken).claims?["team"] as? [AnyHashable] == ["a", 1])
    }

    /// Their tokens say nothing else by then.
    @Test func whatChangesNothingOutdatesNothing() async {
        let first = await harness.register()
        #expect(await set(["role": "user", "disabled": false, "email_verified": true, "second_factor": false]).isOK)
        #expect(await harness.verify(first.accessToken).isOK)
    }

    /// As long as any token may live that this daemon did not issue.
    @Test func theyStayRefused() async {
        let first = await harness.register()
        #expect(await set(["disabled": true]).isOK)
        harness.clock.advance(seconds: 60)
        #expect((try? await harness.service.purge()) != nil)
        #expect(harness.service.revocationCount == 1)
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
    }

    // MARK: Being disabled

    @Test func whoIsDisabledIsLetInNowhere() async {
        let first = await harness.register()
        #expect(await set(["disabled": true]).object("user")?["disabled"] as? Bool == true)
        #expect(await harness.login().error == "account_disabled")
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        #expect(await harness.refresh(first.refreshToken).error == "account_disabled")
        #expect(await set(["disabled": false]).isOK)
        // To have asked has ended that session.
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
        #expect(await harness.login().isOK)
    }

    @Test func aSessionThatDidNotAskMeanwhileGoesOn() async {
        let first = await harness.register()
        #expect(await set(["disabled": true]).isOK)
        #expect(await set(["disabled": false]).isOK)
        #expect(await harness.verify(first.accessToken).string("reason") == "stale")
        #expect(await harness.refresh(first.refreshToken).isOK)
    }

    // MARK: Permissions and claims

    @Test func permissionsAreSetGrantedAndTakenAway() async {
        _ = await harness.register()
        #expect(permissions(await set(["grant": ["a", "b:*", "a"]])) == ["a", "b:*"])
        #expect(permissions(await set(["grant": ["c"], "revoke": ["a", "z"]])) == ["b:*", "c"])
        #expect(permissions(await set(["permissions": ["x", "y"], "grant": ["z"], "revoke": ["y"]])) == ["x", "z"])
        #expect(permissions(await set(["permissions": [] as [String]])) == [])
        for member in ["permissions", "grant", "revoke"] {
            for list: Any in [["*"], [""], ["ok", "*"], [5], "a", ["a": 1]] {
                let reply = await set([member: list])
                #expect(reply.error == "invalid_field" && reply.field == member, "\(reply)")
            }
        }
    }

    /// To AUTHORIZE these are two.
    @Test func permissionsAreComparedByTheirBytes() async {
        _ = await harness.register()
        let (one, other) = ("caf\u{e9}", "cafe\u{301}")
        let both = permissions(await set(["grant": [one, other]]))
        #expect(both?.count == 2)
        #expect(permissions(await set(["revoke": [one]]))?.first?.utf8.count == other.utf8.count)
    }

    @Test func claimsAreMerged() async throws {
        _ = await harness.register()
        #expect(await set(["claims": ["a": 1, "b": ["c": null()]]]).isOK)
        #expect(
            await harness.ask(#"{"op":"USER_SET","user":"ada","claims":{"a":null,"d":"x"}}"#).line.contains(
                #""claims":{"b":{"c":null},"d":"x"}"#))
        for name in ["sub", "exp", "ver", "role", "permissions", "username", "email"] {
            let reply = await set(["claims": [name: "x"]])
            #expect(reply.error == "invalid_field" && reply.field == "claims")
        }
        #expect(await set(["claims": "x"]).field == "claims")
    }

    @Test(arguments: ["claims", "permissions", "grant"]) func aTokenMustFitACookie(member: String) async {
        let first = await harness.register()
        let long = String(repeating: "x", count: 3_000)
        let value: Any = member == "claims" ? ["a": long] as Any : [long]
        let reply = await set([member: value, "role": "editor"])
        #expect(reply.error == "invalid_field" && reply.field == member)
        #expect(await show()?["role"] as? String == "user")
        #expect(await harness.verify(first.accessToken).isOK)
    }

    // MARK: Other members

    @Test func namesChange() async {
        _ = await harness.register()
        _ = await harness.register("bob")
        #expect(await set(["email_verified": true]).object("user")?["email_verified"] as? Bool == true)
        // The same to whoever reads the mail.
        #expect(await set(["email": "ADA@example.org"]).object("user")?["email_verified"] as? Bool == true)
        #expect(await set(["email": "a@example.org"]).object("user")?["email_verified"] as? Bool == false)
        #expect(await set(["email": "b@example.org", "email_verified": true]).object("user")?["email_verified"] as? Bool == true)
        for (member, value) in [("username", "BOB"), ("email", "Bob@example.org")] {
            let reply = await set([member: value, "role": "editor"])
            #expect(reply.error == "account_exists" && reply.field == member)
        }
        #expect(await show()?["role"] as? String == "user")
        #expect(await set(["username": "grace"]).isOK)
        #expect(await show() == nil)
        #expect(await harness.login("grace").isOK)
    }

    @Test func whatCannotBeIsRefused() async {
        _ = await harness.register()
        for (member, value) in [
            ("role", ""), ("role", "a b"), ("role", String(repeating: "x", count: 65)), ("role", 5), ("username", "a b"),
            ("email", "x"), ("disabled", "true"), ("email_verified", 1), ("second_factor", true), ("second_factor", "no"),
            ("password", 5),
        ] as [(String, Any)] {
            let reply = await set([member: value])
            #expect(reply.error == "invalid_field" && reply.field == member, "\(member): \(reply)")
        }
        #expect(await set([:]).error == "missing_field")
        #expect(await set(["role": null(), "rolle": "admin"]).error == "missing_field")
    }

    @Test func aNewPasswordEndsEverySession() async {
        let first = await harness.register()
        let second = await harness.login()
        let reply = await set(["password": "another horse", "role": "editor"])
        #expect(reply.integer("sessions_ended") == 2)
        for old in [first, second] {
            #expect(await harness.verify(old.accessToken).error == "token_revoked")
            #expect(await harness.refresh(old.refreshToken).error == "token_revoked")
        }
        #expect(await harness.login().error == "invalid_credentials")
        #expect(await harness.login("ada", "another horse").object("user")?["role"] as? String == "editor")
        #expect(await !set(["role": "user"]).has("sessions_ended"))
    }

    @Test func aWeakPasswordChangesNothing() async {
        let first = await harness.register()
        #expect(await set(["password": "short", "role": "editor"]).string("reason") == "too_short")
        // Judged beside the name that the account is to have.
        harness.quality.judge("another horse", .success(.dictionary))
        #expect(await set(["password": "another horse", "username": "grace"]).error == "weak_password")
        #expect(harness.quality.owners.last?.username.text == "grace")
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await harness.login().isOK)
    }

    /// Whoever guessed at the old one, and kept its user out with that.
    @Test func aNewPasswordClearsTheThrottle() async {
        _ = await harness.register()
        let client: [String: Any] = ["client": ["ip": "192.0.2.1"]]
        for _ in 0..<6 { _ = await harness.login("ada", "wrong horse", client) }
        #expect(await harness.login("ada", Harness.password, client).error == "rate_limited")
        #expect(await set(["password": "another horse"]).isOK)
        #expect(await harness.login("ada", "another horse", client).isOK)
    }

    @Test func aLostSecondFactorIsTakenAway() async throws {
        let first = await harness.register()
        let authenticator = try #require(await Authenticator(harness, first.accessToken))
        #expect(await harness.totp("confirm", first.accessToken, ["code": authenticator.code()]).isOK)
        #expect(await show()?["second_factor"] as? Bool == true)
        #expect(await harness.login().error == "otp_required")
        harness.log.clear()
        #expect(await set(["second_factor": false]).object("user")?["second_factor"] as? Bool == false)
        #expect(
            harness.log.events(.userChanged).map(\.change) == [
                .init(before: #"{"second_factor":true}"#, after: #"{"second_factor":false}"#)
            ])
        #expect(await harness.login().isOK)
        #expect(await harness.verify(first.accessToken).isOK)
    }

    // MARK: With others at the same time

    @Test func whatSomebodyElseChangedMeanwhileIsNotOverwritten() async throws {
        let id = try #require(harness.userID(await harness.register()))
        let inner = harness.store.inner
        harness.store.before(.administer) { () throws(UsherError) in inner.edit(id) { $0.user.claims = #"{"a":1}"# } }
        #expect(await set(["claims": ["b": 2]]).error == "busy")
        harness.store.before(.administer, nil)
        #expect(await set(["claims": ["b": 2]]).line.contains(#""claims":{"a":1,"b":2}"#))
        harness.store.before(.administer) { () throws(UsherError) in inner.forget(id) }
        #expect(await set(["role": "editor"]).field == "user")
    }

    @Test func aStoreThatFailsIsTold() async {
        let first = await harness.register()
        harness.store.fail([.administer], with: .storeUnavailable(cause: "no disk"))
        #expect(await set(["role": "editor"]).error == "store_unavailable")
        #expect(await harness.verify(first.accessToken).isOK)
    }

    // MARK: The journal

    @Test func theJournalTellsWhoChangedWhatFromWhatToWhat() async throws {
        _ = await harness.register()
        harness.log.clear()
        _ = await set(["role": "editor", "grant": ["a"], "claims": ["x": 1], "password": "another horse"])
        _ = await set(["role": "editor"])
        _ = await set(["role": "a b"])
        let events = harness.log.events
        #expect(events.map(\.kind) == [.userChanged, .userChanged, .userChanged])
        #expect(events.map(\.result) == ["ok", "ok", "invalid_field"])
        #expect(events.map(\.priority) == [.info, .info, .notice])
        #expect(events[0].user == "ada" && events[0].peer == harness.caller.peer)
        #expect(
            events[0].change
                == Event.Change(
                    before: #"{"role":"user","permissions":[],"claims":{}}"#,
                    after: #"{"role":"editor","permissions":["a"],"claims":{"x":1},"password":"changed"}"#))
        #expect(events[1].change == Event.Change(before: "{}", after: "{}"))
        #expect(!events.contains { "\($0)".contains("horse") || "\($0)".contains("$fast$") })
    }
}
