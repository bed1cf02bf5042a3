import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct SessionsTests {
    private let harness = Harness()

    private func sessions(_ token: String) async -> [[String: Any]] {
        let reply = await harness.ask("SESSIONS", ["token": token])
        #expect(Set(reply.members.keys) == ["ok", "sessions"], "\(reply)")
        return reply.objects("sessions") ?? []
    }

    private func id(_ reply: Reply) -> String { claims(of: reply.accessToken)["sid"] as? String ?? "" }

    @Test func whereOneIsLoggedIn() async {
        let first = await harness.register()
        _ = await harness.register("bob")
        harness.clock.advance(seconds: 10)
        let second = await harness.login(
            "ada", Harness.password, ["client": ["ip": "192.0.2.7", "user_agent": "Firefox \u{1}"]])
        harness.clock.advance(seconds: 10)
        let rotated = await harness.refresh(first.refreshToken)
        let listed = await sessions(second.accessToken)
        #expect(listed.map { $0["id"] as? String } == [id(first), id(second)])
        #expect(listed.map { $0["current"] as? Bool } == [false, true])
        #expect(listed[0]["last_used_at"] as? Int64 == harness.now)
        #expect(listed[0]["created_at"] as? Int64 == harness.now - 20)
        #expect(listed[0]["expires_at"] as? Int64 == harness.now + 7 * 86_400)
        #expect((listed[0]["client"] as? [String: String])?.isEmpty == true)
        #expect(listed[1]["client"] as? [String: String] == ["ip": "192.0.2.7", "user_agent": "Firefox \u{1}"])
        #expect(listed[1]["audience"] as? String == "usher")
        _ = await harness.revoke(rotated.refreshToken)
        #expect(await sessions(second.accessToken).map { $0["id"] as? String } == [id(second)])
        #expect(await harness.ask("SESSIONS", [:]).error == "token_required")
    }

    @Test func oneIsEndedByItsID() async {
        let first = await harness.register()
        let second = await harness.login()
        let stranger = await harness.register("bob")
        func end(_ token: String, _ id: String, _ more: [String: Any] = [:]) async -> Reply {
            await harness.ask("REVOKE", (["token": token, "session": id] as [String: Any]).merging(more) { _, other in other })
        }
        // Not by others, nor by what is no live access token.
        #expect(await end(stranger.accessToken, id(second)).bool("revoked") == false)
        #expect(await end("x", id(second)).bool("revoked") == false)
        #expect(await end(first.accessToken, "x").bool("revoked") == false)
        #expect(await end(first.refreshToken, id(second)).field == "session")
        for scope in ["token", "user"] {
            #expect(await end(first.accessToken, id(second), ["scope": scope]).field == "scope")
        }
        #expect(await harness.verify(second.accessToken).isOK)
        #expect(await end(first.accessToken, id(second), ["scope": "session"]).bool("revoked") == true)
        #expect(await harness.verify(second.accessToken).error == "token_revoked")
        #expect(await harness.refresh(second.refreshToken).error == "token_revoked")
        #expect(await harness.verify(first.accessToken).isOK)
        #expect(await end(first.accessToken, id(second)).bool("revoked") == false)
        #expect(await end(second.accessToken, id(first)).bool("revoked") == false)
        #expect(await end(first.accessToken, id(first)).bool("revoked") == true)
        #expect(await harness.verify(first.accessToken).error == "token_revoked")
    }

    /// It is refused at once, and ended when the store can; but nobody has another's session refused.
    @Test func oneIsEndedWhileTheStoreFails() async {
        let first = await harness.register()
        let second = await harness.login()
        let stranger = await harness.register("bob")
        func end(_ session: Reply) async -> Reply {
            await harness.ask("REVOKE", ["token": first.accessToken, "session": id(session)])
        }
        harness.store.loseUpdates(true)
        #expect(await end(second).error == "store_unavailable")
        #expect(await harness.verify(second.accessToken).error == "token_revoked")
        #expect(await sessions(first.accessToken).map { $0["id"] as? String } == [id(first)])
        #expect(await end(stranger).error == "store_unavailable")
        harness.store.loseUpdates(false)
        harness.store.fail([.update], with: .storeUnavailable(cause: "gone"))
        #expect(await end(stranger).error == "store_unavailable")
        harness.store.fail([.update], with: nil)
        #expect(await harness.verify(stranger.accessToken).isOK)
        await harness.service.settle()
        #expect(!harness.service.hasUnsettled)
        #expect(harness.session(of: second.accessToken)?.endedAt != nil)
    }
}
