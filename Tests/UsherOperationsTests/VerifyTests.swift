import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct VerifyTests {
    @Test func claimsAreThePayloadsOwnBytes() async throws {
        let harness = Harness()
        let token = await harness.register().accessToken
        let reply = await harness.verify(token)
        #expect(Set(reply.members.keys) == ["ok", "claims"])
        let claims = try #require(reply.claims)
        #expect(
            Set(claims.keys) == [
                "iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "role", "permissions", "username", "email",
            ])
        #expect(header(of: token)["typ"] as? String == "at+jwt")
        #expect(header(of: token)["alg"] as? String == "HS256")
        #expect(header(of: token)["kid"] is String)
        #expect(harness.store.made == [.takenField, .create])
    }

    @Test func theTokenMayComeInAHeader() async {
        let harness = Harness()
        let token = await harness.register().accessToken
        for scheme in ["Bearer ", "bearer ", "BEARER\t", "Bearer    ", " Bearer "] {
            #expect(await harness.ask("VERIFY", ["authorization": scheme + token]).isOK)
        }
        // The same with escapes, however many.
        let escaped = token.utf8.map { "\\u00" + String($0, radix: 16) }.joined()
        #expect(await harness.ask(#"{"op":"VERIFY","token":"\#(escaped)"}"#).isOK)
        #expect(await harness.ask(#"{"op":"VERIFY","authorization":"Bearer \#(escaped)"}"#).isOK)
    }

    @Test func whatIsNoTokenIsTold() async {
        let harness = Harness()
        let token = await harness.register().accessToken
        let cases: [([String: Any], String, String?)] = [
            ([:], "token_required", nil), (["token": null()], "token_required", nil),
            (["token": null(), "authorization": null()], "token_required", nil),
            (["token": ""], "token_invalid", nil), (["token": "a.b.c"], "token_invalid", nil),
            (["token": 5], "invalid_field", "token"), (["authorization": 5], "invalid_field", "authorization"),
            (["token": token, "authorization": "Bearer " + token], "invalid_field", "authorization"),
            (["authorization": ""], "token_required", nil), (["authorization": "  "], "token_required", nil),
            (["authorization": token], "token_required", nil),
            (["authorization": "Basic " + token], "token_required", nil), (["authorization": "Basic"], "token_required", nil),
            (["authorization": "Bearer"], "token_invalid", nil), (["authorization": "Bearer  "], "token_invalid", nil),
            (["authorization": "Bearer \(token) \(token)"], "token_invalid", nil),
            (["authorization": "Bearer\n" + token], "token_required", nil),
            (["token": token, "audience": 5], "invalid_field", "audience"),
            (["token": token, "optional": "yes"], "invalid_field", "optional"),
            (["token": token, "optional": 1], "invalid_field", "optional"),
        ]
        for (members, code, field) in cases {
            let reply = await harness.ask("VERIFY", members)
            #expect(reply.error == code, "\(members)")
            #expect(reply.field == field, "\(members)")
            #expect(!reply.has("claims"))
        }
    }

    @Test func aRefreshTokenIsNoAccessToken() async {
        let harness = Harness()
        let reply = await harness.register()
        #expect(await harness.verify(reply.refreshToken).error == "token_invalid")
    }

    @Test func aTokenIsForItsAudience() async {
        var tokens = TokenSettings()
        tokens.audiences = ["shop", "blog"]
        let harness = Harness(tokens: tokens)
        let shop = await harness.register("a").accessToken
        let blog = await harness.register("b", ["audience": "blog"]).accessToken
        #expect(await harness.verify(shop).isOK)
        #expect(await harness.verify(shop, ["audience": "shop"]).isOK)
        #expect(await harness.verify(shop, ["audience": "blog"]).error == "token_invalid")
        #expect(await harness.verify(blog).error == "token_invalid")
        #expect(await harness.verify(blog, ["audience": "blog"]).isOK)
        #expect(await harness.verify(blog, ["audience": "no such"]).error == "token_invalid")
        // Any name may be asked, and a token made elsewhere may be for several.
        let both = Secrets.access.token(foreignClaims(harness, ["aud": ["elsewhere", "shop"]]))
        #expect(await harness.verify(both).isOK)
        #expect(await harness.verify(both, ["audience": "elsewhere"]).isOK)
        #expect(await harness.verify(both, ["audience": "blog"]).error == "token_invalid")
    }

    @Test func timeHasATolerance() async {
        let harness = Harness()
        let token = await harness.register().accessToken
        let start = harness.now
        harness.clock.advance(seconds: 900 + 29)
        #expect(await harness.verify(token).isOK)
        harness.clock.advance(seconds: 1)
        let reply = await harness.verify(token)
        #expect(reply.error == "token_expired")
        #expect(reply.integer("expired_at") == start + 900)
        harness.clock.stepWall(milliseconds: -1_000_000)
        let early = await harness.verify(token)
        #expect(early.error == "token_not_active")
        #expect(early.integer("active_at") == start)
    }

    /// Form and signature, claims, issuer and audience, exp, nbf, revocation: the first fault is told.
    @Test func faultsHaveAnOrder() async {
        let harness = Harness()
        func token(_ changes: [String: Any]) -> String { Secrets.access.token(foreignClaims(harness, changes)) }
        let (past, future) = (harness.now - 100, harness.now + 100)
        #expect(await harness.verify(token(["exp": past, "aud": "other"])).error == "token_invalid")
        #expect(await harness.verify(token(["exp": past, "iss": "other"])).error == "token_invalid")
        #expect(await harness.verify(token(["exp": past, "nbf": future])).error == "token_expired")
        let revoked = token(["jti": "r"])
        #expect(await harness.revoke(revoked).bool("revoked") == true)
        #expect(await harness.verify(token(["jti": "r"])).error == "token_revoked")
        #expect(await harness.verify(token(["jti": "r", "nbf": future])).error == "token_not_active")
        #expect(await harness.verify(token(["jti": "r", "exp": past])).error == "token_expired")
        #expect(await harness.verify(revoked + "x").error == "token_invalid")
    }

    @Test func optionalTurnsTokenFaultsIntoReasons() async {
        let harness = Harness()
        let token = await harness.register().accessToken
        let good = await harness.verify(token, ["optional": true])
        #expect(good.claims != nil)
        #expect(!good.has("reason"))

        func reason(_ members: [String: Any]) async -> String? {
            let reply = await harness.ask("VERIFY", members.merging(["optional": true]) { _, new in new })
            #expect(reply.isOK)
            #expect(reply.isNull("claims"))
            #expect(Set(reply.members.keys) == ["ok", "claims", "reason"])
            return reply.string("reason")
        }
        #expect(await reason([:]) == "token_required")
        #expect(await reason(["token": ""]) == "token_invalid")
        #expect(await reason(["authorization": "Basic x"]) == "token_required")
        #expect(await reason(["token": token, "audience": "other"]) == "token_invalid")
        _ = await harness.revoke(token)
        #expect(await reason(["token": token]) == "token_revoked")
        harness.clock.advance(seconds: 3600)
        #expect(await reason(["token": token]) == "token_expired")
        harness.clock.stepWall(milliseconds: -7_200_000)
        #expect(await reason(["token": token]) == "token_not_active")

        #expect(await harness.verify(token, ["optional": true, "authorization": "Bearer x"]).error == "invalid_field")
        #expect(await harness.verify(token, ["optional": true, "audience": ""]).error == "invalid_field")
        #expect(await harness.verify("", ["optional": false]).error == "token_invalid")
        #expect(await harness.verify("", ["optional": null()]).error == "token_invalid")
    }

    /// A signed payload may hold line feeds between its members.
    @Test func noPayloadBreaksTheReplysLine() async throws {
        let harness = Harness()
        let payload =
            "{\n\"iss\":\"usher\",\r\n\t\"aud\":\"usher\",\"sub\":\"x\\ny\",\"iat\":1,\"exp\":9999999999,\"jti\":\"j\",\"sid\":\"s\",\n"
            + "\"note\":\"}\\n{\\\"ok\\\":true}\"}\n"
        let reply = await harness.verify(Secrets.access.token(payload: payload))
        #expect(reply.isOK)
        #expect(reply.claims?["sub"] as? String == "x\ny")
        #expect(reply.claims?["note"] as? String == "}\n{\"ok\":true}")
    }

    @Test func revocationsOfOthersAreNoMatter() async {
        let harness = Harness()
        let (one, two) = (await harness.register("a").accessToken, await harness.register("b").accessToken)
        #expect(await harness.revoke(one, "session").bool("revoked") == true)
        #expect(await harness.verify(one).error == "token_revoked")
        #expect(await harness.verify(two).isOK)
    }
}

/// What another program puts into a token for us.
func foreignClaims(_ harness: Harness, _ changes: [String: Any] = [:]) -> [String: Any] {
    let usual: [String: Any] = [
        "iss": "usher", "aud": "usher", "sub": "their user", "iat": harness.now, "exp": harness.now + 600, "jti": "their token",
        "sid": "their session",
    ]
    return usual.merging(changes) { _, new in new }
}
