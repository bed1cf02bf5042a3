import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct ConfirmTests {
    private let harness = Harness()
    private let strict = ConfirmTests.harness(strict: true)

    private static func harness(strict: Bool) -> Harness {
        var accounts = AccountSettings()
        accounts.requireConfirmedEmail = strict
        return Harness(accounts: accounts)
    }

    // MARK: Issue

    @Test func theBearerOfAnAccessTokenGetsOne() async throws {
        let first = await harness.register()
        for members in [["token": first.accessToken], ["authorization": "Bearer \(first.accessToken)"]] {
            let reply = await harness.ask("CONFIRM", members)
            #expect(reply.isOK)
            #expect(Set(reply.members.keys) == ["ok", "confirmation_token", "expires_in", "email"])
            #expect(reply.string("confirmation_token")?.utf8.count == 43)
            #expect(reply.integer("expires_in") == 86_400)
            #expect(reply.string("email") == "ada@example.org")
        }
        let event = harness.log.events(.confirm).last
        #expect(event?.user == "ada" && event?.message.contains("a token was issued") == true)
        #expect(await harness.ask("CONFIRM", ["token": "x"]).error == "token_invalid")
        #expect(await harness.ask("CONFIRM", ["authorization": "Basic x"]).error == "token_required")
    }

    @Test func nullWhereThereIsNothingToConfirm() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        harness.store.inner.edit(user) { $0.user.emailVerified = true }
        for members in [["token": first.accessToken], ["email": "ada@example.org"], ["email": "nobody@example.org"]] {
            let reply = await harness.ask("CONFIRM", members)
            #expect(Set(reply.members.keys) == ["ok", "confirmation_token"])
            #expect(reply.isNull("confirmation_token"))
        }
        harness.store.inner.edit(user) { $0.isDisabled = true }
        #expect(await harness.ask("CONFIRM", ["token": first.accessToken]).error == "account_disabled")
        #expect(await harness.ask("CONFIRM", ["email": "ada@example.org"]).isNull("confirmation_token"))
    }

    @Test func exactlyOneIsGiven() async {
        let first = await harness.register()
        let token = String(repeating: "a", count: 43)
        #expect(await harness.ask("CONFIRM", [:]).error == "missing_field")
        for members in [
            ["confirmation_token": token, "email": "ada@example.org"], ["confirmation_token": token, "token": first.accessToken],
            ["email": "ada@example.org", "authorization": "Bearer \(first.accessToken)"],
        ] {
            let reply = await harness.ask("CONFIRM", members)
            #expect(reply.error == "invalid_field" && reply.field == "confirmation_token")
        }
        #expect(await harness.ask("CONFIRM", ["email": "ada"]).field == "email")
        #expect(await harness.ask("CONFIRM", ["confirmation_token": 5]).field == "confirmation_token")
    }

    // MARK: Use

    @Test func aTokenConfirmsOnce() async throws {
        let first = await harness.register()
        let token = try #require(await harness.ask("CONFIRM", ["token": first.accessToken]).string("confirmation_token"))
        #expect(await harness.ask("RESET", ["reset_token": token, "new_password": "battery staple"]).error == "token_invalid")
        let reply = await harness.ask("CONFIRM", ["confirmation_token": token])
        #expect(Set(reply.members.keys) == ["ok", "user"])
        #expect(reply.object("user")?["email_verified"] as? Bool == true)
        #expect(harness.log.events(.confirm).last?.user == "ada")
        #expect(!harness.log.events.contains { $0.message.contains(token) })
        #expect(await harness.refresh(first.refreshToken).object("user")?["email_verified"] as? Bool == true)
        #expect(await harness.ask("CONFIRM", ["confirmation_token": token]).error == "token_invalid")
    }

    @Test func whatConfirmsNothing() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        let token = try #require(await harness.ask("CONFIRM", ["token": first.accessToken]).string("confirmation_token"))
        let reset = try #require(await harness.ask("RECOVER", ["email": "ada@example.org"]).string("reset_token"))
        for other in ["", "x", reset, first.accessToken] {
            #expect(await harness.ask("CONFIRM", ["confirmation_token": other]).error == "token_invalid")
        }
        harness.store.fail([.confirmEmail], with: .storeUnavailable(cause: "the disk is full"))
        #expect(await harness.ask("CONFIRM", ["confirmation_token": token]).error == "store_unavailable")
        harness.store.fail([.confirmEmail], with: nil)
        let (usual, other) = (try Email(parsing: "ada@example.org"), try Email(parsing: "ada@elsewhere.example"))
        harness.store.inner.edit(user) { $0.user.email = other }
        #expect(await harness.ask("CONFIRM", ["confirmation_token": token]).error == "token_invalid")
        harness.store.inner.edit(user) { $0.user.email = usual }
        harness.clock.advance(seconds: 86_400)
        let reply = await harness.ask("CONFIRM", ["confirmation_token": token])
        #expect(reply.error == "token_expired")
        #expect(reply.integer("expired_at") == harness.now)
    }

    // MARK: Where the settings demand it

    @Test func registrationBeginsNoSession() async throws {
        let reply = await strict.register()
        #expect(reply.isOK)
        #expect(Set(reply.members.keys) == ["ok", "user", "confirmation_token", "confirmation_expires_in"])
        #expect(reply.integer("confirmation_expires_in") == 86_400)
        #expect(reply.object("user")?["email_verified"] as? Bool == false)
        let user = try #require(strict.userID(reply))
        #expect(try await strict.store.endSessions(of: user, at: strict.now).isEmpty)
        #expect(await strict.register().error == "account_exists")
        let token = try #require(reply.string("confirmation_token"))
        #expect(await strict.ask("CONFIRM", ["confirmation_token": token]).isOK)
        #expect(await strict.login().isOK)
    }

    @Test func whoIsNotConfirmedIsNotLetIn() async throws {
        let user = try #require(strict.userID(await strict.register()))
        let reply = await strict.login()
        #expect(reply.error == "email_unconfirmed")
        #expect(reply.integer("status") == 403)
        #expect(strict.log.events(.login).last?.result == "email_unconfirmed")
        // Only who knows the password is told.
        #expect(await strict.login("ada", "wrong horse").error == "invalid_credentials")
        strict.store.inner.edit(user) { $0.isDisabled = true }
        #expect(await strict.login().error == "account_disabled")
        strict.store.inner.edit(user) { $0.isDisabled = false }
        let token = try #require(await strict.ask("CONFIRM", ["email": "ada@example.org"]).string("confirmation_token"))
        #expect(await strict.ask("CONFIRM", ["confirmation_token": token]).isOK)
        #expect(await strict.login().isOK)
    }

    @Test func aResetConfirmsToo() async throws {
        _ = await strict.register()
        let token = try #require(await strict.ask("RECOVER", ["email": "ada@example.org"]).string("reset_token"))
        #expect(await strict.ask("RESET", ["reset_token": token, "new_password": "battery staple"]).isOK)
        #expect(await strict.login("ada", "battery staple").isOK)
    }

    @Test func sessionsThatExistGoOn() async throws {
        let first = await strict.register()
        let token = try #require(first.string("confirmation_token"))
        #expect(await strict.ask("CONFIRM", ["confirmation_token": token]).isOK)
        let session = await strict.login()
        let user = try #require(strict.userID(first))
        strict.store.inner.edit(user) { $0.user.emailVerified = false }
        #expect(await strict.refresh(session.refreshToken).isOK)
        #expect(await strict.login().error == "email_unconfirmed")
    }
}
