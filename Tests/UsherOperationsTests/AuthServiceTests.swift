import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct AuthServiceTests {
    private let harness = Harness()

    private func breakStore(_ isBroken: Bool) {
        harness.store.fail(
            [.revoke, .update, .endSessions, .purge], with: isBroken ? .storeUnavailable(cause: "gone") : nil)
    }

    @Test func newSettingsAreInForceAtOnce() async {
        let first = await harness.register()
        var tokens = TokenSettings()
        tokens.audiences = ["shop", "usher"]
        tokens.accessExpiry = 60
        harness.service.adopt(Harness.settings(tokens: tokens, passwords: PasswordSettings(minLength: 20)))
        #expect(await harness.verify(first.accessToken).error == "token_invalid")
        #expect(await harness.verify(first.accessToken, ["audience": "usher"]).isOK)
        let second = await harness.refresh(first.refreshToken)
        #expect(second.integer("expires_in") == 60)
        #expect(await harness.register("eve").error == "weak_password")
        // What was revoked stays revoked.
        #expect(await harness.revoke(second.accessToken).isOK)
        harness.service.adopt(Harness.settings())
        #expect(await harness.verify(second.accessToken, ["audience": "usher"]).error == "token_revoked")
    }

    @Test func tokensOfAnotherKeyDoNotVerify() async {
        let first = await harness.register()
        harness.service.adopt(Harness.settings(access: .refresh, refresh: .access))
        #expect(await harness.verify(first.accessToken).error == "token_invalid")
        #expect(await harness.refresh(first.refreshToken).error == "token_invalid")
        let second = await harness.login()
        #expect(await harness.verify(second.accessToken).isOK)
        #expect(await harness.refresh(second.refreshToken).isOK)
    }

    @Test func aLoginThatWasReadBeforeIsGrantedWhatVerifiesNow() async {
        _ = await harness.register()
        let request = harness.dispatch(json(["op": "LOGIN", "login": "ada", "password": Harness.password]))
        harness.service.adopt(Harness.settings(access: .refresh, refresh: .access))
        let reply = await harness.answer(request)
        #expect(await harness.verify(reply.accessToken).isOK)
    }

    @Test(arguments: ["token", "session", "user"])
    func whatHoldsInMemoryAloneGetsIntoTheStore(_ scope: String) async throws {
        let first = await harness.register()
        breakStore(true)
        #expect(await harness.revoke(first.accessToken, scope).error == "store_unavailable")
        await harness.service.settle()
        #expect(harness.service.hasUnsettled)
        breakStore(false)
        await harness.service.settle()
        #expect(!harness.service.hasUnsettled)

        let next = Harness(restartOf: harness)
        next.service.refuse(try await next.store.revocations(since: next.now - 30))
        #expect(await next.verify(first.accessToken).error == "token_revoked")
        #expect((await next.refresh(first.refreshToken).error == "token_revoked") == (scope != "token"))
    }

    @Test func sessionsThatTheStoreHasNoRowOfAreSettledToo() async throws {
        let token = Secrets.access.token(foreignClaims(harness, ["sid": "01890a5d-ac96-774b-bcce-b302099a8057"]))
        breakStore(true)
        #expect(await harness.revoke(token, "session").error == "store_unavailable")
        breakStore(false)
        await harness.service.settle()
        #expect(!harness.service.hasUnsettled)
        #expect(try await harness.store.revocations(since: 0).count == 1)
    }

    /// A store that fails for longer than access tokens last: the session must not come to life again meanwhile.
    @Test func whatIsNotSettledOutlastsThePurge() async {
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        harness.clock.advance(seconds: 31)
        harness.store.loseUpdates(true)
        #expect(await harness.refresh(first.refreshToken).error == "store_unavailable")
        harness.clock.advance(seconds: 3600)
        breakStore(true)
        await harness.service.settle()
        try? await harness.service.purge()
        breakStore(false)
        harness.store.loseUpdates(false)
        #expect(await harness.refresh(second.refreshToken).error == "token_revoked")
        #expect(!harness.service.hasUnsettled)
    }

    @Test func revocationsAreForgottenWithTheirTokens() async throws {
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        _ = await harness.revoke(first.accessToken)
        _ = await harness.revoke(second.accessToken, "session")
        #expect(harness.service.revocationCount == 2)
        harness.clock.advance(seconds: 930)
        try await harness.service.purge()
        #expect(harness.service.revocationCount == 2)
        #expect(await harness.verify(first.accessToken).error == "token_expired")
        // A tolerance that is raised brings no revoked token back to life.
        harness.clock.advance(seconds: 3_500)
        try await harness.service.purge()
        var tolerant = TokenSettings()
        tolerant.clockTolerance = TokenSettings.longestClockTolerance
        harness.service.adopt(Harness.settings(tokens: tolerant))
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        harness.service.adopt(Harness.settings())
        harness.clock.advance(seconds: 101)
        try await harness.service.purge()
        #expect(harness.service.revocationCount == 0)
        #expect(try await harness.store.revocations(since: 0).isEmpty)
    }

    /// A wall clock that is eight days ahead for one purge.
    @Test func aClockThatLeapsTakesNothingAway() async throws {
        let first = await harness.register()
        _ = await harness.revoke(first.accessToken)
        harness.clock.stepWall(milliseconds: 8 * 86_400_000)
        harness.clock.advance(seconds: 300)
        try await harness.service.purge()
        harness.clock.stepWall(milliseconds: -8 * 86_400_000)
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        #expect(try await harness.store.revocations(since: 0).count == 1)
    }

    /// A machine that starts with a clock that is years ahead, and finds out after an hour.
    @Test func aClockThatIsWrongAtTheStartTakesNothingAway() async throws {
        let first = await harness.register()
        _ = await harness.revoke(first.accessToken)
        harness.clock.advance(seconds: 300)
        try await harness.service.purge()
        harness.clock.stepWall(milliseconds: 3 * 365 * 86_400_000)
        let next = Harness(restartOf: harness)
        try await next.service.load()
        for _ in 0..<12 {
            next.clock.advance(seconds: 30)
            try await next.service.purge()
        }
        next.clock.stepWall(milliseconds: -3 * 365 * 86_400_000)
        #expect(await next.verify(first.accessToken).error == "token_revoked")
        #expect(await next.refresh(first.refreshToken).isOK)
        #expect(try await next.store.revocations(since: 0).count == 1)
    }

    /// A clock that was right, after all: the machine had been off.
    @Test func aDowntimeIsPurgedByAfterADay() async throws {
        let first = await harness.register()
        _ = await harness.revoke(first.accessToken)
        try await harness.service.purge()
        harness.clock.stepWall(milliseconds: 365 * 86_400_000)
        let next = Harness(restartOf: harness)
        try await next.service.load()
        #expect(next.service.revocationCount == 1)
        next.clock.advance(seconds: 300)
        try await next.service.purge()
        #expect(next.service.revocationCount == 1)
        next.clock.advance(seconds: 86_400)
        try await next.service.purge()
        #expect(next.service.revocationCount == 0)
        #expect(try await next.store.revocations(since: 0).isEmpty)
    }

    @Test func purgingGoesOnUntilThereIsNoMore() async throws {
        for number in 0..<2500 {
            let revocation = Revocation(kind: .token, id: "\(number)", until: harness.now)
            #expect(try await harness.store.inner.revoke(revocation) == .added)
            harness.service.refuse([revocation])
        }
        harness.clock.advance(seconds: 3_601)
        try await harness.service.purge()
        #expect(harness.store.made == [.purge, .purge, .purge, .pruneActs])
        #expect(try await harness.store.revocations(since: 0).isEmpty)
        #expect(harness.service.revocationCount == 0)
    }

    @Test func memoryIsPurgedThoughTheStoreFails() async {
        harness.service.refuse([Revocation(kind: .token, id: "x", until: harness.now)])
        breakStore(true)
        harness.clock.advance(seconds: 3_601)
        await #expect(throws: UsherError.self) { try await harness.service.purge() }
        #expect(harness.service.revocationCount == 0)
    }
}
