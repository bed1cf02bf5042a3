import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct ChangePasswordTests {
    private let harness = Harness()
    private static let new = "battery staple"

    private func change(_ token: String, _ more: [String: Any] = [:]) async -> Reply {
        let usual: [String: Any] = ["token": token, "password": Harness.password, "new_password": Self.new]
        return await harness.ask("PASSWORD", usual.merging(more) { _, other in other })
    }

    @Test func theNewPasswordIsGoodAndOtherSessionsAreOver() async {
        let first = await harness.register()
        let others = [await harness.login(), await harness.login()]
        let stranger = await harness.register("bob")
        let reply = await change(first.accessToken, ["client": ["ip": "192.0.2.7"]])
        #expect(reply.isOK)
        #expect(Set(reply.members.keys) == ["ok", "sessions_ended", "limit", "remaining", "reset"])
        #expect(reply.integer("sessions_ended") == 2)
        #expect(await harness.login().error == "invalid_credentials")
        #expect(await harness.login("ada", Self.new).isOK)
        for other in others {
            #expect(await harness.verify(other.accessToken).error == "token_revoked")
            #expect(await harness.refresh(other.refreshToken).error == "token_revoked")
        }
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await harness.refresh(first.refreshToken).isOK)
        #expect(await harness.verify(stranger.accessToken).isOK)
        let event = harness.log.events(.password).last
        #expect(event?.user == "ada" && event?.result == "ok" && event?.clientAddress?.description == "192.0.2.7")
    }

    @Test func itHoldsAfterARestart() async throws {
        let first = await harness.register()
        let other = await harness.login()
        #expect(await change(first.accessToken).isOK)
        let next = Harness(restartOf: harness)
        next.service.refuse(try await next.store.revocations(since: next.now - 30))
        #expect(await next.verify(other.accessToken).error == "token_revoked")
        #expect(await next.verify(first.accessToken).isOK)
        #expect(await next.login().error == "invalid_credentials")
    }

    @Test func thePresentPasswordIsAskedFor() async {
        let first = await harness.register()
        let other = await harness.login()
        #expect(await change(first.accessToken, ["password": "wrong horse"]).error == "invalid_credentials")
        #expect(await harness.verify(other.accessToken).isOK)
        #expect(await harness.login().isOK)
        #expect(harness.hasher.counts.hashes == 1)
    }

    /// NIST SP 800-63B knows no rule against it.
    @Test func theSamePasswordAgainIsAllowed() async {
        let first = await harness.register()
        #expect(await change(first.accessToken, ["new_password": Harness.password]).isOK)
        #expect(await harness.login().isOK)
    }

    @Test func aWeakPasswordChangesNothing() async {
        let first = await harness.register()
        let other = await harness.login()
        let before = harness.hasher.counts
        let reply = await change(first.accessToken, ["new_password": "short"])
        #expect(reply.error == "weak_password")
        #expect(reply.string("reason") == "too_short")
        #expect(harness.hasher.counts == before)
        #expect(await harness.verify(other.accessToken).isOK)
        #expect(await harness.login().isOK)
    }

    @Test func theBearerIsToldApart() async {
        let first = await harness.register()
        #expect(await change(first.accessToken, ["token": null()]).error == "token_required")
        #expect(await change("x").error == "token_invalid")
        #expect(await change(first.refreshToken).error == "token_invalid")
        #expect(await change(first.accessToken, ["audience": "elsewhere"]).error == "token_invalid")
        #expect(await change("", ["token": null(), "authorization": "Bearer \(first.accessToken)"]).isOK)
        for name in ["password", "new_password"] {
            let missing = await change(first.accessToken, [name: null()])
            #expect(missing.error == "missing_field" && missing.field == name)
        }
        #expect(await change(first.accessToken, ["client": 5]).field == "client")
        harness.clock.advance(seconds: 1_000)
        #expect(await change(first.accessToken).error == "token_expired")
    }

    @Test func aDisabledAccountChangesNothing() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        harness.store.inner.edit(user) { $0.isDisabled = true }
        #expect(await change(first.accessToken).error == "account_disabled")
        // One that is disabled while the password is hashed.
        harness.store.inner.edit(user) { $0.isDisabled = false }
        let inner = harness.store.inner
        harness.store.before(.changePassword) { () throws(UsherError) in inner.edit(user) { $0.isDisabled = true } }
        #expect(await change(first.accessToken).error == "account_disabled")
    }

    @Test func whatCouldResetThePasswordCannotAnyMore() async throws {
        let first = await harness.register()
        let token = try #require(await harness.ask("RECOVER", ["email": "ada@example.org"]).string("reset_token"))
        #expect(await change(first.accessToken).isOK)
        #expect(await harness.ask("RESET", ["reset_token": token, "new_password": Self.new]).error == "token_invalid")
    }

    /// Another password has been set since this one was looked at: it is looked at again, and is the wrong one.
    @Test func ofTwoAtOnceOneLoses() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        let (inner, hasher) = (harness.store.inner, harness.hasher)
        harness.store.before(.changePassword) { () throws(UsherError) in
            let other = try hasher.hash(SecretBytes(copying: Array("another one".utf8).span))
            inner.edit(user) { $0.passwordHash = other }
        }
        #expect(await change(first.accessToken).error == "invalid_credentials")
        #expect(await harness.login("ada", "another one").isOK)
    }

    /// A LOGIN has replaced an outdated hash meanwhile: the password is still the right one.
    @Test func aHashThatIsReplacedIsNoOtherPassword() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        let (store, hasher) = (harness.store, harness.hasher)
        store.before(.changePassword) { () throws(UsherError) in
            store.before(.changePassword, nil)
            let again = try hasher.hash(SecretBytes(copying: Array(Harness.password.utf8).span))
            store.inner.edit(user) { $0.passwordHash = again }
        }
        #expect(await change(first.accessToken).isOK)
        #expect(await harness.login("ada", Self.new).isOK)
    }

    @Test func failuresOfOursLookLikeNothingElse() async {
        let first = await harness.register()
        let other = await harness.login()
        for call in [ScriptedStore.Call.account, .changePassword] {
            harness.store.fail([call], with: .storeUnavailable(cause: "the disk is full"))
            #expect(await change(first.accessToken).error == "store_unavailable")
            harness.store.fail([call], with: nil)
        }
        harness.workers.fail(with: .busy)
        #expect(await change(first.accessToken).error == "busy")
        harness.workers.fail(with: nil)
        #expect(await harness.verify(other.accessToken).isOK)
        #expect(await change(first.accessToken).isOK)
    }
}
