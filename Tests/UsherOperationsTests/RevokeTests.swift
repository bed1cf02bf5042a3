import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct RevokeTests {
    private let harness = Harness()

    private func revoked(_ token: String, _ scope: String? = nil) async -> Bool? {
        let reply = await harness.revoke(token, scope)
        #expect(reply.isOK, "\(reply)")
        #expect(Set(reply.members.keys) == ["ok", "revoked"])
        return reply.bool("revoked")
    }

    @Test(arguments: ["token", nil])
    func anAccessTokenAlone(_ scope: String?) async {
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        #expect(await revoked(first.accessToken, scope) == true)
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        #expect(await harness.verify(second.accessToken).isOK)
        #expect(await harness.refresh(second.refreshToken).isOK)
        #expect(await revoked(first.accessToken, scope) == false)
        let next = Harness(restartOf: harness)
        next.service.refuse((try? await next.store.revocations(since: next.now - 30)) ?? [])
        #expect(await next.verify(first.accessToken).error == "token_revoked")
        #expect(await next.verify(second.accessToken).isOK)
    }

    @Test func aSessionByItsAccessToken() async {
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        let other = await harness.login()
        #expect(await revoked(first.accessToken, "session") == true)
        for token in [first, second] {
            #expect(await harness.verify(token.accessToken).error == "token_revoked")
            #expect(await harness.refresh(token.refreshToken).error == "token_revoked")
        }
        #expect(await harness.verify(other.accessToken).isOK)
        #expect(await revoked(first.accessToken, "session") == false)
        #expect(await revoked(second.accessToken, "token") == false)
    }

    @Test(arguments: ["session", nil])
    func aSessionByARefreshTokenOfAnyGeneration(_ scope: String?) async {
        for generation in 0..<3 {
            let user = "user\(generation)"
            var replies = [await harness.register(user)]
            for index in 0..<2 { replies.append(await harness.refresh(replies[index].refreshToken)) }
            harness.clock.advance(seconds: 60)
            #expect(await revoked(replies[generation].refreshToken, scope) == true)
            for reply in replies { #expect(await harness.verify(reply.accessToken).error == "token_revoked") }
            #expect(await revoked(replies[2].refreshToken, scope) == false)
            #expect(await harness.refresh(replies[2].refreshToken).error == "token_revoked")
        }
        #expect(harness.log.events(.refreshReuse).isEmpty)
    }

    /// A logout at minute 16 logs out.
    @Test func aSessionByAnExpiredAccessToken() async {
        let first = await harness.register()
        harness.clock.advance(seconds: 16 * 60)
        #expect(await harness.verify(first.accessToken).error == "token_expired")
        #expect(await revoked(first.accessToken, "token") == false)
        #expect(await revoked(first.accessToken, "user") == false)
        #expect(await harness.refresh(first.refreshToken).isOK)
        #expect(await revoked(first.accessToken, "session") == true)
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
    }

    @Test func aSessionByARevokedAccessToken() async {
        let first = await harness.register()
        #expect(await revoked(first.accessToken) == true)
        #expect(await revoked(first.accessToken, "user") == false)
        #expect(await revoked(first.accessToken, "session") == true)
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
    }

    @Test func aSessionThatHasRunOutIsNoMore() async {
        let first = await harness.register()
        harness.clock.advance(seconds: 8 * 86_400)
        #expect(await revoked(first.accessToken, "session") == false)
        #expect(await revoked(first.refreshToken) == false)
    }

    @Test func allSessionsOfAUser() async {
        let one = await harness.register("ada")
        let two = await harness.login("ada")
        let other = await harness.register("bob")
        #expect(await revoked(two.accessToken, "user") == true)
        for reply in [one, two] {
            #expect(await harness.verify(reply.accessToken).error == "token_revoked")
            #expect(await harness.refresh(reply.refreshToken).error == "token_revoked")
        }
        #expect(await harness.verify(other.accessToken).isOK)
        #expect(await harness.login("ada").isOK)
        #expect(await revoked(one.accessToken, "user") == false)
    }

    @Test func whatIsNoTokenOfOursIsNoError() async {
        let good = await harness.register()
        var forged = claims(of: good.refreshToken)
        forged["jti"] = "forged"
        let header: [String: Any] = ["alg": "HS256", "typ": "rt+jwt"]
        let made = harness.store.made.count
        for token in ["", "x", "a.b.c", good.accessToken + "x", "Bearer " + good.accessToken] {
            for scope in ["token", "session", "user", nil] { #expect(await revoked(token, scope) == false) }
        }
        #expect(harness.store.made.count == made)
        // Signed by us, but not under the session's seed.
        #expect(await revoked(Secrets.refresh.token(forged, header: header)) == false)
        forged["sid"] = "01890a5d-ac96-774b-bcce-b302099a8057"
        #expect(await revoked(Secrets.refresh.token(forged, header: header)) == false)
        #expect(await harness.verify(good.accessToken).isOK)
        #expect(await harness.refresh(good.refreshToken).isOK)
    }

    @Test func mistakesAreTold() async {
        let good = await harness.register()
        let missing = await harness.ask("REVOKE", ["authorization": "Bearer " + good.accessToken])
        #expect(missing.error == "missing_field")
        #expect(missing.field == "token")
        #expect(await harness.ask("REVOKE", ["token": 5]).field == "token")
        for scope: Any in ["", "Session", "all", 5] {
            let reply = await harness.ask("REVOKE", ["token": good.accessToken, "scope": scope])
            #expect(reply.error == "invalid_field")
            #expect(reply.field == "scope")
        }
        for scope in ["token", "user"] {
            let reply = await harness.revoke(good.refreshToken, scope)
            #expect(reply.error == "invalid_field")
            #expect(reply.field == "scope")
        }
        #expect(await harness.refresh(good.refreshToken).isOK)
        #expect(await harness.ask("REVOKE", ["token": good.accessToken, "scope": null()]).bool("revoked") == true)
    }

    @Test func tokensMadeElsewhere() async {
        func token(_ changes: [String: Any] = [:]) -> String { Secrets.access.token(foreignClaims(harness, changes)) }
        #expect(await revoked(token()) == true)
        #expect(await harness.verify(token()).error == "token_revoked")
        #expect(await harness.verify(token(["jti": "2"])).isOK)
        // Of a session that the store has no row of, all tokens.
        #expect(await revoked(token(["jti": "2"]), "session") == true)
        #expect(await harness.verify(token(["jti": "3"])).error == "token_revoked")
        #expect(await revoked(token(["sid": "other", "exp": harness.now - 60]), "session") == false)
        // Of a user that is none of ours, what the token shows.
        #expect(await revoked(token(["sid": "other", "jti": "4"]), "user") == true)
        #expect(await harness.verify(token(["sid": "other", "jti": "5"])).error == "token_revoked")
        #expect(await harness.verify(token(["sid": "third"])).error == "token_revoked")
        #expect(await harness.verify(token(["sid": "third", "jti": "6"])).isOK)
    }

    /// It is for our session, and good for longer than any that we issued.
    @Test func aTokenMadeElsewhereForASessionOfOurs() async throws {
        let first = await harness.register()
        let sid = try #require(claims(of: first.accessToken)["sid"] as? String)
        let long = Secrets.access.token(foreignClaims(harness, ["sid": sid, "exp": harness.now + 100_000]))
        #expect(await harness.verify(long).isOK)
        #expect(await revoked(long, "session") == true)
        harness.clock.advance(seconds: 90_000)
        try await harness.service.purge()
        #expect(await harness.verify(long).error == "token_revoked")
        let next = Harness(restartOf: harness)
        next.service.refuse(try await next.store.revocations(since: next.now - 30))
        #expect(await next.verify(long).error == "token_revoked")
    }

    /// Durable first, then refused: a reply that grants is never early.
    @Test func commitThenMemoryThenReply() async {
        let first = await harness.register()
        let seen = Seen()
        for call in [ScriptedStore.Call.revoke, .update, .endSessions] {
            harness.store.before(call) { [log = harness.log] () throws(UsherError) in seen.add(log.events(.revoke).count) }
        }
        #expect(await revoked(first.accessToken) == true)
        #expect(await revoked(first.refreshToken) == true)
        // At each call nothing had been said of it yet.
        #expect(seen.counts == [0, 1])
        #expect(harness.log.events(.revoke).count == 2)
    }

    @Test(arguments: ["token", "session", "user"])
    func aStoreThatFailsIsToldAndTheTokenIsRefusedAtOnce(_ scope: String) async {
        let first = await harness.register()
        harness.store.fail([.revoke, .update, .endSessions], with: .storeUnavailable(cause: "gone"))
        #expect(await harness.revoke(first.accessToken, scope).error == "store_unavailable")
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        #expect(harness.service.hasUnsettled)
        // Asked again, it is not done yet.
        #expect(await harness.revoke(first.accessToken, scope).error == "store_unavailable")
        harness.store.fail([.revoke, .update, .endSessions], with: nil)
        #expect(await revoked(first.accessToken, scope) == true)
        #expect(await revoked(first.accessToken, scope) == false)
    }

    @Test func aFullQueueChangesNothing() async {
        let first = await harness.register()
        harness.store.fail([.revoke], with: .busy)
        #expect(await harness.revoke(first.accessToken).error == "busy")
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(!harness.service.hasUnsettled)
    }

    // MARK: Too many

    /// As many access tokens of one session as there may be revoked ones.
    private func replay(_ refreshToken: String, _ count: Int, _ harness: Harness) async -> [String] {
        var tokens: [String] = []
        for _ in 0..<count { tokens.append(await harness.refresh(refreshToken).accessToken) }
        return tokens
    }

    @Test func oneTokenTooManyTakesItsSessionWithIt() async throws {
        let first = await harness.register()
        let other = await harness.login()
        _ = await harness.refresh(first.refreshToken)
        let tokens = await replay(first.refreshToken, Limits.revokedTokensPerSession, harness)
        for token in tokens { #expect(await revoked(token) == true) }
        #expect(harness.log.events(.revoke).allSatisfy { !$0.message.contains("ended") })
        #expect(await harness.verify(first.accessToken).isOK)
        let spared = try #require(await replay(first.refreshToken, 1, harness).first)
        #expect(await revoked(first.accessToken) == true)
        #expect(harness.log.events(.revoke).last?.message.contains("64 revoked tokens: it is ended instead") == true)
        #expect(harness.log.events(.revoke).last?.user == "ada")
        for token in tokens + [first.accessToken, spared] {
            #expect(await harness.verify(token).error == "token_revoked")
            #expect(await revoked(token) == false)
        }
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
        #expect(harness.session(of: first.accessToken)?.endedAt != nil)
        #expect(harness.service.revocationCount == Limits.revokedTokensPerSession + 1)
        #expect(await harness.verify(other.accessToken).isOK)
        let next = Harness(restartOf: harness)
        next.service.refuse(try await next.store.revocations(since: .min))
        #expect(await next.verify(spared).error == "token_revoked")
    }

    /// The session cannot be ended just then: it is refused at once, and nobody is told that it is done.
    @Test func oneTokenTooManyWhileTheStoreFails() async {
        let first = await harness.register()
        _ = await harness.refresh(first.refreshToken)
        for token in await replay(first.refreshToken, Limits.revokedTokensPerSession, harness) {
            #expect(await revoked(token) == true)
        }
        harness.store.fail([.update], with: .storeUnavailable(cause: "gone"))
        #expect(await harness.revoke(first.accessToken).error == "store_unavailable")
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        harness.store.fail([.update], with: nil)
        await harness.service.settle()
        #expect(!harness.service.hasUnsettled)
        #expect(harness.session(of: first.accessToken)?.endedAt != nil)
    }

    /// The store fails at a token that would have been one too many: when it works again, the session is ended.
    @Test func oneTokenTooManyIsSettledAsItsSession() async {
        let first = await harness.register()
        _ = await harness.refresh(first.refreshToken)
        for token in await replay(first.refreshToken, Limits.revokedTokensPerSession, harness) {
            #expect(await revoked(token) == true)
        }
        harness.store.fail([.revoke], with: .storeUnavailable(cause: "gone"))
        #expect(await harness.revoke(first.accessToken).error == "store_unavailable")
        harness.store.fail([.revoke], with: nil)
        await harness.service.settle()
        #expect(!harness.service.hasUnsettled)
        #expect(harness.session(of: first.accessToken)?.endedAt != nil)
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
    }

    @Test func oneTokenTooManyOfASessionMadeElsewhere() async {
        func token(_ number: Int) -> String {
            Secrets.access.token(foreignClaims(harness, ["sid": "elsewhere", "jti": "\(number)"]))
        }
        for number in 0..<Limits.revokedTokensPerSession { #expect(await revoked(token(number)) == true) }
        #expect(await harness.verify(token(100)).isOK)
        #expect(await revoked(token(99)) == true)
        #expect(await harness.verify(token(100)).error == "token_revoked")
        #expect(harness.service.revocationCount == Limits.revokedTokensPerSession + 1)
    }

    /// When all are in force that may be, sessions are revoked instead of tokens, and those that the store does not know not at all.
    @Test func revocationsAreBounded() async throws {
        var limits = Limits()
        limits.revocations = 2
        let harness = Harness(limits: limits)
        func foreign(_ sid: String) -> String { Secrets.access.token(foreignClaims(harness, ["sid": sid, "jti": sid])) }
        let ada = await harness.register("ada")
        let bob = await harness.register("bob")
        #expect(await harness.revoke(foreign("one")).bool("revoked") == true)
        #expect(await harness.revoke(foreign("two"), "session").bool("revoked") == true)
        for scope in ["token", "session", "user"] {
            let refused = await harness.revoke(foreign("three"), scope)
            #expect(refused.error == "busy")
            #expect(refused.integer("retry_after_ms") == Limits.purgeInterval)
        }
        #expect(await harness.verify(foreign("three")).isOK)
        #expect(await harness.revoke(ada.accessToken).bool("revoked") == true)
        #expect(
            harness.log.events(.revoke).last?.message.contains("2 revocations are in force: its session is ended instead") == true
        )
        #expect(await harness.refresh(ada.refreshToken).error == "token_revoked")
        // A logout is never refused.
        #expect(await harness.revoke(bob.accessToken, "user").bool("revoked") == true)
        #expect(await harness.verify(bob.accessToken).error == "token_revoked")
        #expect(await harness.verify(foreign("one")).error == "token_revoked")
        #expect(harness.service.revocationCount == 4)
        // With the store gone, a token is not taken into memory alone: nobody was told that it is revoked.
        harness.store.fail([.revoke, .update], with: .storeUnavailable(cause: "gone"))
        #expect(await harness.revoke(foreign("three")).error == "busy")
        #expect(!harness.service.hasUnsettled)
        // When they are over there is room again.
        harness.store.fail([.revoke, .update], with: nil)
        harness.clock.advance(seconds: 100 * 86_400)
        try await harness.service.purge()
        #expect(harness.service.revocationCount == 0)
        #expect(await harness.revoke(foreign("four")).bool("revoked") == true)
    }
}
