import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct ResetTests {
    private let harness = Harness()
    private static let new = "battery staple"

    private func token(_ name: String = "ada") async throws -> String {
        try #require(await harness.ask("RECOVER", ["email": "\(name)@example.org"]).string("reset_token"))
    }

    private func reset(_ token: String, _ more: [String: Any] = [:]) async -> Reply {
        let usual: [String: Any] = ["reset_token": token, "new_password": Self.new]
        return await harness.ask("RESET", usual.merging(more) { _, other in other })
    }

    @Test func theNewPasswordIsGoodAndEverySessionIsOver() async throws {
        let sessions = [await harness.register(), await harness.login()]
        let stranger = await harness.register("bob")
        let reply = await reset(try await token(), ["client": ["ip": "192.0.2.7"]])
        #expect(reply.isOK)
        #expect(Set(reply.members.keys) == ["ok", "user", "sessions_ended"])
        #expect(reply.integer("sessions_ended") == 2)
        #expect(reply.object("user")?["username"] as? String == "ada")
        // The token came by mail.
        #expect(reply.object("user")?["email_verified"] as? Bool == true)
        for session in sessions {
            #expect(await harness.verify(session.accessToken).error == "token_revoked")
            #expect(await harness.refresh(session.refreshToken).error == "token_revoked")
        }
        #expect(await harness.verify(stranger.accessToken).isOK)
        #expect(await harness.login().error == "invalid_credentials")
        let again = await harness.login("ada", Self.new)
        #expect(again.object("user")?["email_verified"] as? Bool == true)
        let event = harness.log.events(.reset).last
        #expect(event?.user == "ada" && event?.result == "ok" && event?.clientAddress?.description == "192.0.2.7")
        let next = Harness(restartOf: harness)
        next.service.refuse(try await next.store.revocations(since: next.now - 30))
        #expect(await next.verify(sessions[0].accessToken).error == "token_revoked")
    }

    @Test func aTokenIsGoodOnce() async throws {
        _ = await harness.register()
        let (first, second) = (try await token(), try await token())
        #expect(await reset(second).isOK)
        // The other one might be in a mail that somebody else reads.
        for used in [second, first] { #expect(await reset(used, ["new_password": "a third one"]).error == "token_invalid") }
        #expect(await harness.login("ada", Self.new).isOK)
    }

    @Test func theStoreHasTheLastWordOnTokens() async throws {
        let first = await harness.register()
        let token = try await token()
        // As if another request had used it since it was found good.
        harness.store.fail([.resetPassword], with: UsherError(.tokenInvalid))
        #expect(await reset(token).error == "token_invalid")
        #expect(await harness.verify(first.accessToken).isOK)
    }

    @Test func whatIsNoTokenCostsNoHash() async throws {
        let first = await harness.register()
        let made = String(repeating: "a", count: 43)
        let confirmation = try #require(await harness.ask("CONFIRM", ["token": first.accessToken]).string("confirmation_token"))
        let before = harness.hasher.counts
        for token in ["", "x", made, confirmation, first.accessToken, first.refreshToken] {
            #expect(await reset(token).error == "token_invalid")
        }
        #expect(await reset("", ["reset_token": null()]).field == "reset_token")
        #expect(await reset(made, ["new_password": null()]).field == "new_password")
        #expect(await reset(made, ["client": 5]).field == "client")
        #expect(harness.hasher.counts == before)
    }

    @Test func aTokenExpires() async throws {
        _ = await harness.register()
        let token = try await token()
        harness.clock.advance(seconds: 1_799)
        harness.workers.fail(with: .busy)
        #expect(await reset(token).error == "busy")
        harness.workers.fail(with: nil)
        harness.clock.advance(seconds: 1)
        let reply = await reset(token)
        #expect(reply.error == "token_expired")
        #expect(reply.integer("expired_at") == harness.now)
        #expect(harness.log.events(.reset).last?.user == "ada")
        // It is forgotten some time after.
        harness.clock.advance(seconds: 3_601)
        try await harness.service.purge()
        #expect(await reset(token).error == "token_invalid")
    }

    @Test func howLongIsASetting() async throws {
        var accounts = AccountSettings()
        accounts.resetExpiry = 5
        let harness = Harness(accounts: accounts)
        _ = await harness.register()
        #expect(await harness.ask("RECOVER", ["email": "ada@example.org"]).integer("expires_in") == 5)
    }

    @Test func aWeakPasswordLeavesTheTokenGood() async throws {
        _ = await harness.register()
        let token = try await token()
        #expect(await reset(token, ["new_password": "short"]).string("reason") == "too_short")
        #expect(await reset(token).isOK)
    }

    @Test func aDisabledAccountIsNotReset() async throws {
        let user = try #require(harness.userID(await harness.register()))
        let token = try await token()
        harness.store.inner.edit(user) { $0.isDisabled = true }
        #expect(await reset(token).error == "account_disabled")
        harness.store.inner.edit(user) { $0.isDisabled = false }
        #expect(await harness.login().isOK)
        #expect(await reset(token).isOK)
    }

    /// Whoever reads the mail of an old address has no business with the account.
    @Test func aTokenIsForTheEmailThatItWasSentTo() async throws {
        let user = try #require(harness.userID(await harness.register()))
        let token = try await token()
        let other = try Email(parsing: "ada@elsewhere.example")
        harness.store.inner.edit(user) { $0.user.email = other }
        #expect(await reset(token).error == "token_invalid")
        #expect(await harness.login().isOK)
    }

    @Test func failuresOfOursLeaveTheTokenGood() async throws {
        let first = await harness.register()
        let token = try await token()
        for call in [ScriptedStore.Call.oneTimeToken, .resetPassword] {
            harness.store.fail([call], with: .storeUnavailable(cause: "the disk is full"))
            #expect(await reset(token).error == "store_unavailable")
            harness.store.fail([call], with: nil)
        }
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await reset(token).isOK)
    }
}
