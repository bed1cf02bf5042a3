import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct ProfileTests {
    private let harness: Harness = {
        var accounts = AccountSettings()
        accounts.profileClaims = ["department", "é"]
        return Harness(accounts: accounts)
    }()

    private func profile(_ token: String, _ members: [String: Any] = [:]) async -> Reply {
        await harness.ask("PROFILE", members.merging(["token": token]) { _, token in token })
    }

    @Test func itShowsTheAccountAsItIsNow() async {
        let first = await harness.register()
        let reply = await profile(first.accessToken)
        #expect(Set(reply.members.keys) == ["ok", "user"])
        #expect(reply.object("user")?["username"] as? String == "ada")
        #expect(reply.object("user")?["version"] == nil)
        // Not worth an event, and nothing is stale for it.
        #expect(harness.log.events(.profile).isEmpty)
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await harness.ask("PROFILE", [:]).error == "token_required")
        #expect(await profile("x").error == "token_invalid")
    }

    @Test func aChangeMakesOlderTokensStale() async {
        let first = await harness.register()
        let other = await harness.login()
        let stranger = await harness.register("bob")
        let reply = await profile(first.accessToken, ["claims": ["department": "R&D", "é": [1, null()]]])
        #expect(reply.isOK, "\(reply)")
        let claims = reply.object("user")?["claims"] as? [String: Any]
        #expect(claims?["department"] as? String == "R&D")
        #expect(harness.log.events(.profile).map(\.result) == ["ok"])
        for token in [first.accessToken, other.accessToken] {
            let refused = await harness.verify(token)
            #expect(refused.error == "token_revoked" && refused.string("reason") == "stale")
            let optional = await harness.verify(token, ["optional": true])
            #expect(optional.isNull("claims") && optional.string("reason") == "token_revoked")
            #expect(await harness.ask("AUTHORIZE", ["token": token, "roles": ["user"]]).string("reason") == "stale")
            #expect(await profile(token).error == "token_revoked")
        }
        #expect(await harness.verify(stranger.accessToken).isOK)
        // What is asked for is to be had.
        let next = await harness.refresh(first.refreshToken)
        #expect(await harness.verify(next.accessToken).claims?["department"] as? String == "R&D")
        #expect(await harness.verify(next.accessToken).claims?["ver"] as? Int == 1)
        #expect(await harness.login().isOK)
        // A restart knows it, too.
        let later = Harness(restartOf: harness)
        later.service.refuse((try? await later.store.revocations(since: 0)) ?? [])
        #expect(await later.verify(first.accessToken).string("reason") == "stale")
        #expect(await later.verify(next.accessToken).isOK)
        // null takes one away and leaves the others.
        let removed = await profile(next.accessToken, ["claims": ["department": null()]])
        #expect((removed.object("user")?["claims"] as? [String: Any])?.keys.sorted() == ["é"])
    }

    @Test func nothingChangesWhereNothingIsOther() async {
        let first = await harness.register()
        #expect(await profile(first.accessToken, ["username": "ada", "claims": [String: Any]()]).isOK)
        #expect(await harness.verify(first.accessToken).isOK)
    }

    @Test(arguments: [
        #"{"role":"admin"}"#, #"{"sub":"x"}"#, #"{"e\u0301":1}"#, #"{"department":1,"x":2}"#, #"{"x":null}"#, "[]", #""x""#, "1",
    ])
    func onlyTheClaimsThatASettingNames(_ claims: String) async {
        let first = await harness.register()
        let reply = await harness.ask(#"{"op":"PROFILE","token":"\#(first.accessToken)","claims":\#(claims)}"#)
        #expect(reply.error == "invalid_field" && reply.field == "claims", "\(reply)")
        #expect(await harness.verify(first.accessToken).isOK)
    }

    @Test func whatNoCookieHoldsIsRefusedWhenItIsSet() async {
        let first = await harness.register()
        let reply = await profile(first.accessToken, ["claims": ["department": String(repeating: "x", count: 2_600)]])
        #expect(reply.error == "invalid_field" && reply.field == "claims")
        #expect(await profile(first.accessToken, ["claims": ["department": String(repeating: "x", count: 1_500)]]).isOK)
        #expect(await harness.refresh(first.refreshToken).isOK)
    }

    @Test func aNewEmailTakesThePasswordAndIsUnconfirmed() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        harness.store.inner.edit(user) { $0.user.emailVerified = true }
        #expect(await profile(first.accessToken, ["email": "new@example.org"]).field == "password")
        let wrong = await profile(first.accessToken, ["email": "new@example.org", "password": "wrong horse"])
        #expect(wrong.error == "invalid_credentials")
        #expect(harness.log.events(.profile).map(\.result) == ["invalid_credentials"])
        #expect(await profile(first.accessToken, ["email": "@", "password": Harness.password]).field == "email")
        // The same in another case stays confirmed.
        let same = await profile(first.accessToken, ["email": "ADA@example.org", "password": Harness.password])
        #expect(same.object("user")?["email_verified"] as? Bool == true)
        let second = await harness.refresh(first.refreshToken)
        let reply = await profile(second.accessToken, ["email": "new@example.org", "password": Harness.password])
        #expect(reply.object("user")?["email"] as? String == "new@example.org")
        #expect(reply.object("user")?["email_verified"] as? Bool == false)
        #expect(await harness.login("new@example.org").isOK)
        #expect(await harness.login("ada@example.org").error == "invalid_credentials")
    }

    @Test func anotherEmailTakesACodeWhereThereIsASecondFactor() async throws {
        let first = await harness.register()
        let authenticator = try #require(await Authenticator(harness, first.accessToken))
        let new: [String: Any] = ["email": "new@example.org", "password": Harness.password]
        // The same address in another case, and another name, never do.
        #expect(await authenticator.confirm().isOK)
        let same = await self.profile(first.accessToken, ["email": "ADA@example.org", "password": Harness.password])
        #expect(same.isOK, "\(same)")
        let second = await harness.refresh(first.refreshToken)
        func again(_ more: [String: Any]) async -> Reply {
            await self.profile(second.accessToken, new.merging(more) { _, more in more })
        }
        #expect(await again(["code": 1]).field == "code")
        #expect(await again([:]).field == "code")
        // Whoever has not the password is not told that there is one.
        #expect(await again(["password": "wrong horse"]).error == "invalid_credentials")
        #expect(await again(["code": authenticator.wrong]).error == "invalid_credentials")
        harness.clock.advance(seconds: 30)
        let code = authenticator.code()
        #expect(await again(["code": code]).object("user")?["email"] as? String == "new@example.org")
        // It is used up.
        let third = await harness.refresh(second.refreshToken)
        let old: [String: Any] = ["email": "ada@example.org", "password": Harness.password, "code": code]
        #expect(await self.profile(third.accessToken, old).error == "invalid_credentials")
    }

    @Test func whatIsConfirmedMeanwhileStaysConfirmed() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        let inner = harness.store.inner
        harness.store.before(.edit) { () throws(UsherError) in inner.edit(user) { $0.user.emailVerified = true } }
        let reply = await profile(first.accessToken, ["username": "ada.l"])
        #expect(reply.object("user")?["email_verified"] as? Bool == true, "\(reply)")
    }

    @Test func whatIsRevokedWhileItWaitsIsNotCarriedOut() async throws {
        let first = await harness.register()
        for scope in ["token", "session"] {
            let other = await harness.login()
            let line = json(["op": "PROFILE", "token": other.accessToken, "username": "eve"])
            guard case .deferred(let request) = harness.dispatch(line) else {
                Issue.record("it does not wait")
                return
            }
            #expect(await harness.revoke(other.accessToken, scope).bool("revoked") == true)
            let reply = await harness.answer(request)
            #expect(reply.error == "token_revoked")
        }
        #expect(await profile(first.accessToken).object("user")?["username"] as? String == "ada")
    }

    @Test func aPasswordThatIsGivenMustBeRight() async {
        let first = await harness.register()
        #expect(await profile(first.accessToken, ["password": "wrong horse"]).error == "invalid_credentials")
        #expect(await profile(first.accessToken, ["password": Harness.password]).isOK)
        #expect(await harness.verify(first.accessToken).isOK)
    }

    @Test func repliesAreNestedNoDeeperThanRequestsMayBe() async {
        let first = await harness.register()
        func nested(_ levels: Int) -> String {
            let value = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
            return #"{"op":"PROFILE","token":"\#(first.accessToken)","claims":{"department":\#(value)}}"#
        }
        #expect(await harness.ask(nested(30)).field == "claims")
        #expect(await harness.ask(nested(29)).isOK)
    }

    @Test func whoTriesOutNamesIsThrottled() async {
        let first = await harness.register()
        _ = await harness.register("bob")
        let client = ["ip": "192.0.2.7"]
        for _ in 0..<20 {
            #expect(await profile(first.accessToken, ["username": "bob", "client": client]).error == "account_exists")
        }
        #expect(await profile(first.accessToken, ["username": "bob", "client": client]).error == "rate_limited")
    }

    @Test func aNameThatAnotherHasIsRefused() async {
        let first = await harness.register()
        _ = await harness.register("bob")
        let reply = await profile(first.accessToken, ["username": "BOB", "claims": ["department": "x"]])
        #expect(reply.error == "account_exists" && reply.field == "username")
        #expect((await profile(first.accessToken).object("user")?["claims"] as? [String: Any])?.isEmpty == true)
        #expect(await profile(first.accessToken, ["username": "-"]).field == "username")
        #expect(await profile(first.accessToken, ["username": "ada.l"]).isOK)
        #expect(await harness.login("ada.l").isOK)
    }

    @Test func aChangeThatAnotherCameBeforeIsAskedForAgain() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        let inner = harness.store.inner
        harness.store.before(.edit) { () throws(UsherError) in inner.edit(user) { $0.user.role = "admin" } }
        #expect(await profile(first.accessToken, ["username": "eve"]).error == "busy")
        #expect(await harness.login("ada").object("user")?["role"] as? String == "admin")
    }
}
