import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct LoginRequestTests {
    @Test func opensASession() async throws {
        let harness = Harness()
        let registered = await harness.register("Ada")
        harness.clock.advance(seconds: 60)
        for name in ["ada", "ADA", "Ada@Example.org"] {
            let reply = await harness.login(name, Harness.password, ["client": ["ip": "::1"]])
            #expect(reply.isOK)
            #expect(Set(reply.members.keys) == Set(registered.members.keys).union(["limit", "remaining", "reset"]))
            let user = try #require(reply.object("user"))
            #expect(user["id"] as? String == registered.object("user")?["id"] as? String)
            #expect(user["last_login_at"] as? Int64 == harness.now)
            #expect(claims(of: reply.accessToken)["sid"] as? String != claims(of: registered.accessToken)["sid"] as? String)
            #expect(harness.session(of: reply.accessToken)?.client.address?.description == "::1")
        }
        #expect(await harness.ask("LOGIN", ["username": "ada", "password": Harness.password]).isOK)
        #expect(await harness.ask("LOGIN", ["email": "ada@example.org", "password": Harness.password]).isOK)
    }

    @Test func takesExactlyOneName() async {
        let harness = Harness()
        let none = await harness.ask("LOGIN", ["password": "x", "username": null()])
        #expect(none.error == "missing_field")
        #expect(none.field == "login")
        for pair in [["username", "login"], ["username", "email"], ["email", "login"], ["email", "login", "username"]] {
            var members: [String: Any] = ["password": "x"]
            for name in pair { members[name] = "ada" }
            let reply = await harness.ask("LOGIN", members)
            #expect(reply.error == "invalid_field")
        }
        let one = await harness.ask("LOGIN", ["login": "ada", "email": null(), "username": null(), "password": "x"])
        #expect(one.error == "invalid_credentials")
    }

    @Test(arguments: ["login", "username", "email", "password", "audience", "client"])
    func wrongTypesAreNamed(_ name: String) async {
        let harness = Harness()
        var members: [String: Any] = name == "login" || name == "username" || name == "email" ? [:] : ["login": "ada"]
        members["password"] = Harness.password
        members[name] = [1]
        let reply = await harness.ask("LOGIN", members)
        #expect(reply.error == "invalid_field")
        #expect(reply.field == name)
        #expect(harness.hasher.counts.verifications == 0)
    }

    @Test func thePasswordMustBeGiven() async {
        let reply = await Harness().ask("LOGIN", ["login": "ada"])
        #expect(reply.error == "missing_field")
        #expect(reply.field == "password")
    }

    /// Unknown, disabled, wrong, and names that no account can have: the same work, the same reply.
    @Test(arguments: [
        ["login": "nobody"], ["login": "nobody@example.org"], ["login": "ada"], ["login": "eve"], ["login": ""], ["login": "a b"],
        ["username": "ada@example.org"], ["email": "ada"], ["login": "@"], ["username": "ädä"], ["username": "ada\u{0}"],
    ])
    func whoeverFailsFailsAlike(_ name: [String: String]) async throws {
        let harness = Harness()
        #expect(await harness.register("ada").isOK)
        let eve = await harness.register("eve")
        harness.store.inner.edit(try #require(harness.userID(eve))) { $0.isDisabled = true }
        let before = harness.hasher.counts
        let calls = harness.store.made.count
        let reply = await harness.ask("LOGIN", name.merging(["password": "wrong password"]) { _, new in new })
        let line =
            #"{"ok":false,"error":"invalid_credentials","message":"The name or the password is wrong.","status":401,"#
            + #""limit":100,"remaining":99,"reset":604800}"#
        #expect(reply.line == line)
        #expect(harness.hasher.counts.verifications == before.verifications + 1)
        #expect(harness.hasher.counts.hashes == before.hashes)
        #expect(harness.store.made.dropFirst(calls) == [.lookUp])
    }

    @Test func aDisabledUserIsToldOnceThePasswordIsRight() async throws {
        let harness = Harness()
        let registered = await harness.register()
        harness.store.inner.edit(try #require(harness.userID(registered))) { $0.isDisabled = true }
        let reply = await harness.login()
        #expect(reply.error == "account_disabled")
        #expect(reply.integer("status") == 403)
        #expect(await harness.login("ada", "wrong").error == "invalid_credentials")
    }

    @Test func anOutdatedHashIsReplaced() async throws {
        let old = Harness()
        let registered = await old.register()
        let new = Harness(hashCost: 2, restartOf: old)
        #expect(await new.login("ada", "wrong password").error == "invalid_credentials")
        #expect((new.hasher.counts.hashes, new.hasher.counts.verifications) == (0, 1))
        #expect(await new.login().isOK)
        #expect((new.hasher.counts.hashes, new.hasher.counts.verifications) == (1, 2))
        #expect(await new.login().isOK)
        #expect((new.hasher.counts.hashes, new.hasher.counts.verifications) == (1, 3))
        #expect(new.userID(registered) != nil)
    }

    @Test func anAccountThatChangesMeanwhileIsLookedAtAgain() async throws {
        let harness = Harness()
        let user = try #require(harness.userID(await harness.register()))
        let newer = try harness.hasher.hash(SecretBytes(copying: Array("new password".utf8).span))
        let before = harness.hasher.counts.verifications
        // The password is changed between the check and the write: it is the new one that counts.
        harness.store.before(.open) { [store = harness.store] () throws(UsherError) in
            store.before(.open, nil)
            store.inner.edit(user) { $0.passwordHash = newer }
        }
        #expect(await harness.login().error == "invalid_credentials")
        #expect(harness.hasher.counts.verifications == before + 2)
        #expect(await harness.login("ada", "new password").isOK)
    }

    @Test func anAccountThatNeverRestsIsBusyAfterThreeTries() async throws {
        let harness = Harness()
        let user = try #require(harness.userID(await harness.register()))
        let (store, hasher) = (harness.store, harness.hasher)
        let before = hasher.counts.verifications
        store.before(.open) { () throws(UsherError) in
            let again = try hasher.hash(SecretBytes(copying: Array(Harness.password.utf8).span))
            store.inner.edit(user) { $0.passwordHash = again }
        }
        #expect(await harness.login().error == "busy")
        #expect(hasher.counts.verifications == before + 3)
    }

    @Test func theSessionLongestUnusedGivesWay() async {
        var limits = Limits()
        limits.sessionsPerUser = 2
        let harness = Harness(limits: limits)
        let first = await harness.register()
        harness.clock.advance(seconds: 1)
        let second = await harness.login()
        harness.clock.advance(seconds: 1)
        let used = await harness.refresh(first.refreshToken)
        harness.clock.advance(seconds: 1)
        let third = await harness.login()
        #expect(await harness.verify(second.accessToken).error == "token_revoked")
        #expect(await harness.refresh(second.refreshToken).error == "token_revoked")
        #expect(await harness.verify(used.accessToken).isOK)
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await harness.verify(third.accessToken).isOK)
        #expect(await harness.refresh(used.refreshToken).isOK)
    }

    @Test func failuresOfOursAreNoWrongPassword() async {
        let harness = Harness()
        #expect(await harness.register().isOK)
        for call in [ScriptedStore.Call.lookUp, .open] {
            harness.store.fail([call], with: .storeUnavailable(cause: "gone"))
            #expect(await harness.login().error == "store_unavailable")
            harness.store.fail([call], with: .busy)
            #expect(await harness.login().error == "busy")
            harness.store.fail([call], with: nil)
        }
        for (error, code) in [(UsherError.busy, "busy"), (UsherError(.internal, cause: "libcrypt"), "internal")] {
            harness.workers.fail(with: error)
            #expect(await harness.login().error == code)
            #expect(await harness.login("nobody").error == code)
        }
    }

    @Test func anUnknownAudienceIsRefusedBeforeAnyWork() async {
        let harness = Harness()
        let reply = await harness.login("ada", "x", ["audience": "other"])
        #expect(reply.error == "invalid_field")
        #expect(reply.field == "audience")
        #expect(harness.hasher.counts.verifications == 0)
    }
}
