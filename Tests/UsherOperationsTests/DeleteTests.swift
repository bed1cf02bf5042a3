import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

struct DeleteTests {
    private let harness = Harness()

    private func delete(_ token: String, _ password: String = Harness.password) async -> Reply {
        await harness.ask("DELETE", ["token": token, "password": password])
    }

    @Test func nothingOfTheAccountIsLeft() async {
        let first = await harness.register()
        let other = await harness.login()
        #expect(await delete(first.accessToken, "wrong horse").error == "invalid_credentials")
        #expect(await harness.ask("DELETE", ["token": first.accessToken]).field == "password")
        #expect(await harness.ask("DELETE", ["password": Harness.password]).error == "token_required")
        let reply = await delete(first.accessToken)
        #expect(reply.bool("deleted") == true, "\(reply)")
        #expect(harness.log.events(.delete).map(\.result).contains("ok"))
        let next = await harness.register()
        #expect(next.isOK)
        #expect(harness.userID(next) != harness.userID(first))
        for token in [first, other] {
            let refused = await harness.verify(token.accessToken)
            #expect(refused.error == "token_revoked" && !refused.has("reason"))
            #expect(await harness.refresh(token.refreshToken).error == "token_revoked")
            #expect(await delete(token.accessToken).error == "token_revoked")
        }
        let later = Harness(restartOf: harness)
        later.service.refuse((try? await later.store.revocations(since: 0)) ?? [])
        #expect(await later.verify(first.accessToken).error == "token_revoked")
        #expect(await later.verify(next.accessToken).isOK)
    }

    /// One made elsewhere may outlast all that the daemon has issued.
    @Test func theTokenShownStaysDead() async throws {
        let first = await harness.register()
        var claims = claims(of: first.accessToken)
        claims["exp"] = harness.now + 86_400
        let token = Secrets.access.token(claims)
        #expect(await delete(token).isOK)
        harness.clock.advance(seconds: 43_200)
        try await harness.service.purge()
        #expect(await harness.verify(token).error == "token_revoked")
        let later = Harness(restartOf: harness)
        later.service.refuse(try await later.store.revocations(since: 0))
        #expect(await later.verify(token).error == "token_revoked")
    }

    @Test func asTheSecondOfTwoItSaysThatTheAccountIsGone() async throws {
        let first = await harness.register()
        let request = json(["op": "DELETE", "token": first.accessToken, "password": Harness.password])
        let inner = harness.store.inner
        let user = try #require(harness.userID(first))
        harness.store.before(.delete) { () throws(UsherError) in inner.forget(user) }
        #expect(await harness.ask(request).error == "token_revoked")
    }

    /// Where the other one came before while the password was looked at.
    @Test func whoIsDeletedMeanwhileIsNotStale() async throws {
        let first = await harness.register()
        let user = try #require(harness.userID(first))
        let session = try #require(harness.session(of: first.accessToken)?.id)
        let bearer = Bearer(user: user, session: session, until: harness.now + 900, token: "a", version: 0)
        for (version, error) in [(1, "stale"), (Revocation.deleted, nil)] as [(Int64, String?)] {
            harness.service.refuse([
                Revocation(kind: .user, id: user.description, until: harness.now + 900, version: version)
            ])
            let thrown = #expect(throws: UsherError.self) { try harness.service.requireLive(bearer) }
            #expect(thrown?.code == .tokenRevoked)
            #expect(thrown?.detail == error.map(UsherError.Detail.reason) ?? UsherError.Detail.none)
        }
    }

    @Test func noTokenOfItIsGoodWhateverItsVersion() async throws {
        let first = await harness.register()
        #expect(await delete(first.accessToken).isOK)
        let payload = claims(of: first.accessToken).merging(["ver": Int64.max]) { _, other in other }
        #expect(await harness.verify(Secrets.access.token(payload)).error == "token_revoked")
    }

    @Test func aStoreThatFailsLeavesTheAccount() async {
        let first = await harness.register()
        harness.store.fail([.delete], with: .storeUnavailable(cause: "full"))
        #expect(await delete(first.accessToken).error == "store_unavailable")
        harness.store.fail([.delete], with: nil)
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await delete(first.accessToken).isOK)
    }

    @Test func guessesAreThrottledWithThoseOfLogin() async {
        let first = await harness.register()
        let client = ["client": ["ip": "192.0.2.9"]]
        for _ in 0..<3 { _ = await harness.login("ada", "wrong horse", client) }
        for _ in 0..<2 {
            let reply = await harness.ask(
                "DELETE",
                (["token": first.accessToken, "password": "wrong"] as [String: Any]).merging(client) { _, other in other })
            #expect(reply.error == "invalid_credentials")
        }
        let reply = await harness.ask(
            "DELETE",
            (["token": first.accessToken, "password": Harness.password] as [String: Any]).merging(client) { _, other in other })
        #expect(reply.error == "rate_limited" && reply.integer("retry_after") ?? 0 > 0)
    }
}
