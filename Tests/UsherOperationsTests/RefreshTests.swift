import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct RefreshTests {
    @Test func exchangesATokenForTheNextPair() async throws {
        let harness = Harness()
        let first = await harness.register("ada", ["client": ["ip": "192.0.2.1", "user_agent": "one"]])
        let user = try #require(harness.userID(first))
        harness.store.inner.edit(user) { $0.user.role = "editor" }
        harness.clock.advance(seconds: 100)
        let next = await harness.refresh(first.refreshToken, ["client": ["ip": "192.0.2.2"]])
        #expect(Set(next.members.keys) == Set(first.members.keys))
        #expect(next.object("user")?["role"] as? String == "editor")
        #expect(claims(of: next.accessToken)["role"] as? String == "editor")
        #expect(claims(of: next.accessToken)["sid"] as? String == claims(of: first.accessToken)["sid"] as? String)
        #expect(claims(of: next.accessToken)["jti"] as? String != claims(of: first.accessToken)["jti"] as? String)
        #expect(next.refreshToken != first.refreshToken)
        #expect(next.integer("expires_in") == 900)
        #expect(next.integer("refresh_expires_in") == 604_800)
        #expect(harness.session(of: next.accessToken)?.client == Client(address: IPAddress(parsing: "192.0.2.2")))
        // What was issued before goes on until its time.
        #expect(await harness.verify(first.accessToken).isOK)
        // Without a client the session keeps the one it has.
        let third = await harness.refresh(next.refreshToken)
        #expect(harness.session(of: third.accessToken)?.client == Client(address: IPAddress(parsing: "192.0.2.2")))
    }

    @Test func aRetryWithinTheWindowGetsTheNewestAgain() async {
        let harness = Harness()
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        let generation = harness.session(of: first.accessToken)?.generation
        harness.clock.advance(seconds: 30)
        let again = await harness.refresh(first.refreshToken)
        #expect(claims(of: again.refreshToken)["jti"] as? String == claims(of: second.refreshToken)["jti"] as? String)
        #expect(claims(of: again.accessToken)["jti"] as? String != claims(of: second.accessToken)["jti"] as? String)
        #expect(again.integer("expires_in") == 900)
        #expect(harness.session(of: first.accessToken)?.generation == generation)
        for token in [first, second, again] { #expect(await harness.verify(token.accessToken).isOK) }
        #expect(await harness.refresh(second.refreshToken).isOK)
        // Now the first is no parent any more.
        #expect(await harness.refresh(first.refreshToken).error == "refresh_token_reused")
    }

    @Test(arguments: [true, false])
    func reuseEndsTheSession(_ isParent: Bool) async {
        let harness = Harness()
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        let third = isParent ? second : await harness.refresh(second.refreshToken)
        let other = await harness.login()
        if isParent { harness.clock.advance(milliseconds: 30_001) }
        harness.log.clear()
        let reply = await harness.refresh(first.refreshToken)
        #expect(reply.error == "refresh_token_reused")
        #expect(reply.integer("status") == 401)
        #expect(harness.session(of: first.accessToken)?.endedAt == harness.now)
        for token in [first, second, third] { #expect(await harness.verify(token.accessToken).error == "token_revoked") }
        for token in [first, second, third] { #expect(await harness.refresh(token.refreshToken).error == "token_revoked") }
        #expect(await harness.verify(other.accessToken).isOK)

        let events = harness.log.events(.refreshReuse)
        #expect(events.count == 1)
        #expect(events.first?.priority == .warning)
        #expect(events.first?.user == "ada")
        #expect(events.first?.message.contains(isParent ? "lost reply" : "stolen") == true)

        // And after a restart.
        let next = Harness(restartOf: harness)
        next.service.refuse((try? await next.store.revocations(since: next.now - 30)) ?? [])
        #expect(await next.verify(third.accessToken).error == "token_revoked")
        #expect(await next.refresh(third.refreshToken).error == "token_revoked")
        #expect(await next.verify(other.accessToken).isOK)
    }

    @Test func whatIsForgedNeverReachesTheStore() async {
        let harness = Harness()
        let good = await harness.register()
        let calls = harness.store.made.count
        for token in [
            "", "a.b.c", good.accessToken, good.refreshToken + "A",
            Secrets.access.token(claims(of: good.refreshToken), header: ["alg": "HS256", "typ": "rt+jwt"]),
            Secrets.refresh.token(claims(of: good.refreshToken), header: ["alg": "HS256", "typ": "at+jwt"]),
        ] {
            #expect(await harness.refresh(token).error == "token_invalid")
        }
        #expect(harness.store.made.count == calls)
    }

    /// Whoever has the refresh secret lacks the seed.
    @Test func theSecretAloneMakesNoToken() async {
        let harness = Harness()
        let good = await harness.register()
        let header: [String: Any] = ["alg": "HS256", "typ": "rt+jwt"]
        for (name, value) in [("jti", "forged" as Any), ("gen", 2), ("gen", 100)] {
            var forged = claims(of: good.refreshToken)
            forged[name] = value
            #expect(await harness.refresh(Secrets.refresh.token(forged, header: header)).error == "token_invalid")
        }
        var unknown = claims(of: good.refreshToken)
        unknown["sid"] = "01890a5d-ac96-774b-bcce-b302099a8057"
        #expect(await harness.refresh(Secrets.refresh.token(unknown, header: header)).error == "token_revoked")
        #expect(harness.session(of: good.accessToken)?.endedAt == nil)
        #expect(await harness.refresh(good.refreshToken).isOK)
    }

    @Test func anExpiredTokenIsTold() async {
        let harness = Harness()
        let first = await harness.register()
        let calls = harness.store.made.count
        let expiry = harness.now + 604_800
        harness.clock.advance(seconds: 604_799)
        let kept = await harness.refresh(first.refreshToken)
        #expect(kept.isOK)
        harness.clock.advance(seconds: 1)
        let reply = await harness.refresh(first.refreshToken)
        #expect(reply.error == "token_expired")
        #expect(reply.integer("expired_at") == expiry)
        #expect(harness.store.made.count == calls + 1)
    }

    @Test func missingAndMistaken() async {
        let harness = Harness()
        let missing = await harness.ask("REFRESH", ["token": "x"])
        #expect(missing.error == "missing_field")
        #expect(missing.field == "refresh_token")
        #expect(await harness.ask("REFRESH", ["refresh_token": 5]).error == "invalid_field")
        let good = await harness.register()
        let client = await harness.refresh(good.refreshToken, ["client": ["ip": "localhost"]])
        #expect(client.error == "invalid_field")
        #expect(client.field == "client")
        #expect(await harness.refresh(good.refreshToken, ["client": null()]).isOK)
    }

    @Test func aDisabledUsersSessionEnds() async throws {
        let harness = Harness()
        let first = await harness.register()
        harness.store.inner.edit(try #require(harness.userID(first))) { $0.isDisabled = true }
        #expect(await harness.refresh(first.refreshToken).error == "account_disabled")
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
        #expect(await harness.refresh(first.refreshToken).error == "token_revoked")
    }

    /// A step of the wall clock neither closes nor opens the window.
    @Test(arguments: [-3_600_000, 3_600_000] as [Int64])
    func theWindowKnowsNoWallClock(_ step: Int64) async {
        let harness = Harness()
        let first = await harness.register()
        harness.clock.advance(seconds: 10)
        _ = await harness.refresh(first.refreshToken)
        harness.clock.stepWall(milliseconds: step)
        harness.clock.advance(seconds: 20)
        let again = await harness.refresh(first.refreshToken)
        #expect(again.isOK)
        #expect((870...900).contains(again.integer("expires_in") ?? 0))
        #expect(await harness.verify(again.accessToken).isOK)
        harness.clock.advance(seconds: 31)
        #expect(await harness.refresh(first.refreshToken).error == "refresh_token_reused")
    }

    /// However long the daemon was down: the first retry is no reuse, and what it gets is good.
    @Test(arguments: [1, 60, 900, 86_400] as [Int64])
    func aRestartBeginsTheWindowAnew(_ downtime: Int64) async {
        let harness = Harness()
        let first = await harness.register()
        harness.clock.advance(seconds: 100)
        let lost = await harness.refresh(first.refreshToken)
        harness.clock.advance(seconds: 20)
        let next = Harness(restartOf: harness)
        // Service time stands still while the daemon does.
        harness.clock.stepWall(milliseconds: downtime * 1000)
        next.clock.advance(seconds: 30)
        let again = await next.refresh(first.refreshToken)
        #expect(again.isOK)
        #expect((again.integer("expires_in") ?? 0) >= 870)
        #expect(await next.verify(again.accessToken).isOK)
        #expect(claims(of: again.refreshToken)["jti"] as? String == claims(of: lost.refreshToken)["jti"] as? String)
        #expect(await next.refresh(again.refreshToken).isOK)
        // What is revoked now stays so until the last token has expired.
        #expect(await next.revoke(again.accessToken, "session").bool("revoked") == true)
        next.clock.advance(seconds: 899)
        _ = try? await next.service.purge()
        #expect(await next.verify(again.accessToken).error == "token_revoked")
    }

    @Test func aWindowThatWasOverStaysSo() async {
        let harness = Harness()
        let first = await harness.register()
        _ = await harness.refresh(first.refreshToken)
        harness.clock.advance(seconds: 31)
        let next = Harness(restartOf: harness)
        #expect(await next.refresh(first.refreshToken).error == "refresh_token_reused")
    }

    /// The store of a backup: it knows nothing of the last rotations, nor how long their access tokens are good.
    @Test func aStoreThatHasGoneBackInTimeEndsTheSession() async {
        let harness = Harness()
        let first = await harness.register()
        let backup = Harness(restartOf: harness)
        harness.clock.advance(seconds: 2_000)
        let second = await harness.refresh(first.refreshToken)
        let reply = await backup.refresh(second.refreshToken)
        // The token's own jti is genuine: only its generation is not known.
        #expect(reply.error == "token_revoked")
        #expect(backup.log.events(.storeRollback).map(\.priority) == [.critical])
        #expect(await backup.verify(second.accessToken).error == "token_revoked")
        backup.clock.advance(seconds: 800)
        _ = try? await backup.service.purge()
        #expect(await backup.verify(second.accessToken).error == "token_revoked")
        let next = Harness(restartOf: backup)
        next.service.refuse((try? await next.store.revocations(since: next.now - 30)) ?? [])
        #expect(await next.verify(second.accessToken).error == "token_revoked")
    }

    @Test func aStoreThatFailsToEndASessionIsTold() async {
        let harness = Harness()
        let first = await harness.register()
        let second = await harness.refresh(first.refreshToken)
        harness.clock.advance(seconds: 31)
        harness.store.loseUpdates(true)
        let reply = await harness.refresh(first.refreshToken)
        #expect(reply.error == "store_unavailable")
        #expect(harness.session(of: first.accessToken)?.endedAt == nil)
        // Refused in memory at once.
        #expect(await harness.verify(second.accessToken).error == "token_revoked")
        #expect(harness.log.events(.refreshReuse).map(\.priority) == [.error])
        #expect(harness.log.events(.refreshReuse).first?.message.contains("lost reply") == true)
        harness.store.loseUpdates(false)
        // The newest token would rotate, were it not for that.
        #expect(await harness.refresh(second.refreshToken).error == "token_revoked")
        #expect(harness.session(of: first.accessToken)?.endedAt != nil)
        #expect(!harness.service.hasUnsettled)
    }

    /// What rotated and could not be told is not known to the client, and it may ask again.
    @Test func aLostCommitIsAskedForAgain() async {
        let harness = Harness()
        let first = await harness.register()
        harness.store.loseUpdates(true)
        #expect(await harness.refresh(first.refreshToken).error == "store_unavailable")
        harness.store.loseUpdates(false)
        harness.store.after(.update) { () throws(UsherError) in throw .storeUnavailable(cause: "the reply was lost") }
        #expect(await harness.refresh(first.refreshToken).error == "store_unavailable")
        harness.store.after(.update, nil)
        let reply = await harness.refresh(first.refreshToken)
        #expect(reply.isOK)
        #expect(harness.session(of: reply.accessToken)?.generation == 2)
        #expect(!harness.service.hasUnsettled)
    }
}
