import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct SessionGrantTests {
    private func settings(access: Int64 = 900, refresh: Int64 = 604_800, age: Int64 = 7_776_000) -> TokenSettings {
        var tokens = TokenSettings()
        (tokens.accessExpiry, tokens.refreshExpiry, tokens.sessionMaxAge) = (access, refresh, age)
        return tokens
    }

    /// The session is over at minute 20, however often it is refreshed.
    @Test func noTokenOutlivesItsSession() async {
        let harness = Harness(tokens: settings(age: 1200))
        let first = await harness.register()
        let end = harness.now + 1200
        #expect(first.integer("expires_in") == 900)
        #expect(first.integer("refresh_expires_in") == 1200)
        harness.clock.advance(seconds: 700)
        let second = await harness.refresh(first.refreshToken)
        #expect(second.integer("expires_in") == 500)
        #expect(second.integer("refresh_expires_in") == 500)
        #expect(claims(of: second.accessToken)["exp"] as? Int64 == end)
        #expect(claims(of: second.refreshToken)["exp"] as? Int64 == end)
        harness.clock.advance(seconds: 499)
        let third = await harness.refresh(second.refreshToken)
        #expect(third.integer("expires_in") == 1)
        harness.clock.advance(seconds: 1)
        #expect(await harness.refresh(third.refreshToken).error == "token_expired")
    }

    @Test func anAccessTokenIsNotGoodForLongerThanTheRefreshToken() async {
        let reply = await Harness(tokens: settings(refresh: 300)).register()
        #expect(reply.integer("expires_in") == 300)
        #expect(reply.integer("refresh_expires_in") == 300)
    }

    /// Whatever is handed out, the store knows a bound of its `exp`.
    @Test func theStoreKnowsTheLastExpiry() async throws {
        let harness = Harness()
        var token = await harness.register()
        for seconds: Int64 in [0, 1, 29, 30, 600, 899, 5000] {
            harness.clock.advance(seconds: seconds)
            let next = await harness.refresh(token.refreshToken)
            harness.clock.advance(seconds: 30)
            let again = await harness.refresh(token.refreshToken)
            for reply in [next, again] {
                let until = try #require(harness.session(of: reply.accessToken)).accessUntil
                #expect(try #require(claims(of: reply.accessToken)["exp"] as? Int64) <= until)
            }
            token = next
        }
    }

    @Test func customClaimsAndPermissionsGoIntoTheToken() async throws {
        let harness = Harness()
        let user = try #require(harness.userID(await harness.register()))
        harness.store.inner.edit(user) {
            $0.user.claims =
                #"{"department":"sales","level":3,"sub":"root","exp":1,"role":"admin","permissions":["*"],"nested":{"a":[1]}}"#
            $0.user.permissions = [Permission(stored: "post:*")]
        }
        let reply = await harness.login()
        let claims = try #require(await harness.verify(reply.accessToken).claims)
        #expect(claims["department"] as? String == "sales")
        #expect(claims["level"] as? Int == 3)
        #expect((claims["nested"] as? [String: [Int]]) == ["a": [1]])
        #expect(claims["sub"] as? String == user.description)
        #expect(claims["role"] as? String == "user")
        #expect(claims["permissions"] as? [String] == ["post:*"])
        #expect(reply.object("user")?["permissions"] as? [String] == ["post:*"])
        #expect((reply.object("user")?["claims"] as? [String: Any])?["department"] as? String == "sales")
    }

    @Test func aSettingChoosesThePersonalClaims() async throws {
        var tokens = TokenSettings()
        tokens.personalClaims = [.email]
        let harness = Harness(tokens: tokens)
        let user = try #require(harness.userID(await harness.register()))
        harness.store.inner.edit(user) { $0.user.claims = #"{"department":"sales"}"# }
        let token = claims(of: await harness.login().accessToken)
        #expect(token["email"] as? String == "ada@example.org")
        #expect(token["username"] == nil)
        #expect(token["department"] == nil)
    }

    @Test func claimsThatAreTooLongAreAFailureOfOurs() async throws {
        let harness = Harness()
        let user = try #require(harness.userID(await harness.register()))
        harness.store.inner.edit(user) { $0.user.claims = #"{"x":"\#(String(repeating: "y", count: 4000))"}"# }
        let reply = await harness.login()
        #expect(reply.error == "internal")
        #expect(reply.string("reference") != nil)
        #expect(!reply.line.contains("yyyy"))
    }
}
