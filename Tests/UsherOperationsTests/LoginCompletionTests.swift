import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

struct LoginCompletionTests {
    private let harness = Harness()

    private func complete(_ challenge: String, _ code: String, _ more: [String: Any] = [:]) async -> Reply {
        await harness.ask(
            "LOGIN", (["challenge": challenge, "code": code] as [String: Any]).merging(more) { _, other in other })
    }

    private func challenge(_ more: [String: Any] = [:]) async throws -> String {
        let reply = await harness.login("ada", Harness.password, more)
        #expect(reply.error == "otp_required")
        return try #require(reply.string("challenge"))
    }

    @Test func thePasswordAloneGrantsNothing() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let reply = await harness.login()
        #expect(
            Set(reply.members.keys).subtracting(["limit", "remaining", "reset"]) == [
                "ok", "error", "message", "status", "challenge", "expires_in",
            ])
        #expect((reply.error, reply.integer("status"), reply.integer("expires_in")) == ("otp_required", 401, 300))
        let challenge = try #require(reply.string("challenge"))
        #expect(await harness.verify(challenge).error == "token_invalid")
        #expect(await harness.refresh(challenge).error == "token_invalid")
        #expect(await harness.revoke(challenge).bool("revoked") == false)
        // A wrong password is told nothing of it.
        #expect(await harness.login("ada", "wrong horse").error == "invalid_credentials")
        let next = await complete(challenge, authenticator.code())
        #expect(next.object("user")?["last_login_at"] as? Int64 == harness.now)
    }

    @Test func aCodeCompletesIt() async throws {
        var tokens = TokenSettings()
        tokens.audiences = ["usher", "shop"]
        let harness = Harness(tokens: tokens)
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let first = await harness.login("ada", Harness.password, ["audience": "shop", "client": ["ip": "::1"]])
        let reply = await harness.ask(
            "LOGIN",
            ["challenge": first.string("challenge") ?? "", "code": authenticator.code(), "client": ["ip": "::2"]])
        #expect(reply.isOK)
        #expect(claims(of: reply.accessToken)["aud"] as? String == "shop")
        #expect(await harness.verify(reply.accessToken, ["audience": "shop"]).isOK)
        #expect(await harness.refresh(reply.refreshToken).isOK)
        #expect(harness.session(of: reply.accessToken)?.client.address?.description == "::2")
    }

    @Test func aCodeIsGoodOnce() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let (first, second) = (try await challenge(), try await challenge())
        let code = authenticator.code()
        #expect(await complete(first, code).isOK)
        #expect(await complete(second, code).error == "invalid_credentials")
        // Nor is one of a step before it.
        #expect(await complete(second, authenticator.code(-1)).error == "invalid_credentials")
        #expect(await complete(second, authenticator.code(1)).isOK)
        #expect(await complete(second, authenticator.code(1)).error == "invalid_credentials")
        let next = Harness(restartOf: harness)
        let again = await next.login().string("challenge") ?? ""
        #expect(await next.ask("LOGIN", ["challenge": again, "code": authenticator.code(1)]).error == "invalid_credentials")
    }

    @Test(arguments: [(-2, false), (-1, true), (0, true), (1, true), (2, false)] as [(Int64, Bool)])
    func clocksMayDifferByAStep(_ steps: Int64, _ isGood: Bool) async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        harness.clock.advance(seconds: 300)
        #expect(await complete(try await challenge(), authenticator.code(steps)).isOK == isGood)
    }

    @Test func recoveryCodesAreGoodOnceEach() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        #expect(await complete(challenge, codes[0].uppercased()).isOK)
        #expect(harness.log.events(.recoveryCode).map(\.result) == ["ok"])
        #expect(await complete(challenge, codes[0]).error == "invalid_credentials")
        #expect(await complete(challenge, codes[9].filter { $0 != "-" }).isOK)
        let status = await harness.totp("status", authenticator.token)
        #expect(status.integer("recovery_codes_left") == 8)
        for event in harness.log.events { #expect(codes.allSatisfy { !event.message.contains($0) }) }
    }

    @Test func aChallengeLastsFiveMinutes() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        let end = harness.now + 300
        harness.clock.advance(seconds: 299)
        #expect(await complete(challenge, authenticator.wrong).error == "invalid_credentials")
        harness.clock.advance(seconds: 1)
        let reply = await complete(challenge, authenticator.code())
        #expect((reply.error, reply.integer("expired_at")) == ("token_expired", end))
    }

    @Test func aChallengeIsOfOnePassword() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        let user = try #require(authenticator.user)
        let newer = try harness.hasher.hash(SecretBytes(copying: Array("new password".utf8).span))
        harness.store.inner.edit(user) { $0.passwordHash = newer }
        #expect(await complete(challenge, authenticator.code()).error == "token_revoked")
        #expect(await complete(challenge, codes[0]).error == "token_revoked")
        let next = await harness.login("ada", "new password")
        #expect(await complete(next.string("challenge") ?? "", codes[0]).isOK)
    }

    @Test func aPasswordThatChangesUnderItIsNoticed() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        let user = try #require(authenticator.user)
        harness.store.before(.open) { [store = harness.store] () throws(UsherError) in
            store.inner.edit(user) { $0.passwordHash = PasswordHash("$fast$1$other") }
        }
        #expect(await complete(challenge, authenticator.code()).error == "token_revoked")
    }

    @Test func anOutdatedHashIsReplacedByTheFirstStep() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let next = Harness(hashCost: 2, restartOf: harness)
        let first = await next.login()
        #expect(next.hasher.counts.hashes == 1)
        let reply = await next.ask("LOGIN", ["challenge": first.string("challenge") ?? "", "code": authenticator.code()])
        #expect(reply.isOK)
        _ = await next.login()
        #expect(next.hasher.counts.hashes == 1)
    }

    @Test func aDisabledUserIsTold() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        let user = try #require(authenticator.user)
        harness.store.inner.edit(user) { $0.isDisabled = true }
        #expect(await complete(challenge, authenticator.code()).error == "account_disabled")
        #expect(await harness.login().error == "account_disabled")
    }

    @Test func aSecondFactorThatIsGoneVoidsIt() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        let members = ["password": Harness.password, "code": codes[0]]
        #expect(await harness.totp("disable", authenticator.token, members).isOK)
        #expect(await complete(challenge, authenticator.code()).error == "token_revoked")
        #expect(await harness.login().isOK)
    }

    @Test func wrongCodesWaitLongerAndLonger() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        for _ in 0..<4 { #expect(await complete(try await challenge(), authenticator.wrong).error == "invalid_credentials") }
        // What can be no code does not count.
        #expect(await complete(try await challenge(), "12345").error == "invalid_credentials")
        #expect(await complete(try await challenge(), "aaaa-bbbb-cccc-dddd").error == "invalid_credentials")
        var delays: [Int64] = []
        for _ in 0..<10 {
            #expect(await complete(try await challenge(), authenticator.wrong).error == "invalid_credentials")
            // Whatever is tried meanwhile is not looked at, and does not count.
            for code in [authenticator.code(), authenticator.wrong] {
                let reply = await complete(try await challenge(), code)
                #expect(reply.error == "rate_limited")
                if code == authenticator.wrong { delays.append(reply.integer("retry_after") ?? 0) }
            }
            harness.clock.advance(seconds: delays.last ?? 0)
        }
        #expect(delays == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
        // Nobody is kept out who has a recovery code.
        #expect(await complete(try await challenge(), authenticator.wrong).error == "invalid_credentials")
        #expect(await complete(try await challenge(), authenticator.code()).error == "rate_limited")
        #expect(await complete(try await challenge(), codes[0]).isOK)
        // And then all begins anew.
        for _ in 0..<4 { #expect(await complete(try await challenge(), authenticator.wrong).error == "invalid_credentials") }
        #expect(await complete(try await challenge(), authenticator.code()).isOK)
        for _ in 0..<5 { #expect(await complete(try await challenge(), authenticator.wrong).error == "invalid_credentials") }
        // Neither a restart nor a step of the clock shortens it.
        let next = Harness(restartOf: harness)
        next.clock.stepWall(milliseconds: 86_400_000)
        let first = await next.login().string("challenge") ?? ""
        #expect(await next.ask("LOGIN", ["challenge": first, "code": authenticator.code()]).integer("retry_after") == 30)
    }

    private func left(_ reply: Reply) -> [Int64?] { ["limit", "remaining"].map { reply.integer($0) } }

    /// As wrong passwords do, with which they are counted; and no right password clears them.
    @Test func wrongCodesCountInTheThrottle() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let here = ["client": ["ip": "192.0.2.7"]]
        #expect(await harness.login("ada", "wrong horse", here).integer("remaining") == 4)
        var challenge = ""
        for remaining in [3, 2, 1, 0] as [Int64] {
            let first = await harness.login("ada", Harness.password, here)
            #expect(left(first) == [5, remaining + 1] && first.error == "otp_required")
            challenge = first.string("challenge") ?? ""
            let code = remaining == 0 ? "aaaa-bbbb-cccc-dddd" : authenticator.wrong
            let reply = await complete(challenge, code, here)
            #expect(left(reply) == [5, remaining] && reply.error == "invalid_credentials")
        }
        for code in [authenticator.code(), codes[0]] {
            let reply = await complete(challenge, code, here)
            #expect((reply.error, reply.integer("retry_after")) == ("rate_limited", 900))
            #expect(left(reply) == [5, 0])
        }
        #expect(await harness.login("ada", Harness.password, here).error == "rate_limited")
        // From elsewhere it is open.
        let there = ["client": ["ip": "192.0.2.8"]]
        let reply = await complete(challenge, authenticator.code(), there)
        #expect(reply.isOK && left(reply) == [5, 5])
        // A whole login clears its pair, here too.
        harness.clock.advance(seconds: 900)
        for _ in 0..<4 { _ = await harness.login("ada", "wrong horse", here) }
        challenge = await harness.login("ada", Harness.password, here).string("challenge") ?? ""
        #expect(await complete(challenge, codes[1], here).integer("remaining") == 5)
    }

    /// What the factor itself lets wait is not looked at, and does not count.
    @Test func whatIsNotLookedAtDoesNotCount() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        for _ in 0..<5 { #expect(await complete(challenge, authenticator.wrong).error == "invalid_credentials") }
        let here = ["client": ["ip": "192.0.2.7"]]
        for _ in 0..<9 {
            let reply = await complete(challenge, authenticator.wrong, here)
            #expect(reply.error == "rate_limited" && left(reply) == [5, 5])
        }
    }

    @Test func ofManyWrongCodesAtOnceOnlySoManyAreLookedAt() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let line = json([
            "op": "LOGIN", "challenge": try await challenge(), "code": authenticator.wrong, "client": ["ip": "192.0.2.7"],
        ])
        let requests = (0..<50).map { _ in harness.dispatch(line) }
        var errors: [String] = []
        for request in requests { errors.append(await harness.answer(request).error ?? "") }
        #expect(errors.filter { $0 == "invalid_credentials" }.count == 5)
        #expect(errors.filter { $0 == "rate_limited" }.count == 45)
    }

    @Test func whatIsGivenWithAChallenge() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        let code = authenticator.code()
        for name in ["login", "username", "email", "password", "audience"] {
            let reply = await complete(challenge, code, [name: "usher"])
            #expect((reply.error, reply.field) == ("invalid_field", "challenge"))
        }
        let missing = await harness.ask("LOGIN", ["challenge": challenge])
        #expect((missing.error, missing.field) == ("missing_field", "code"))
        for forged in ["", "a.b.c", challenge + "x", String(challenge.dropLast(4)) + "AAAA", authenticator.token] {
            #expect(await complete(forged, code).error == "token_invalid")
        }
        #expect(await harness.ask("LOGIN", ["challenge": 5, "code": code]).field == "challenge")
        #expect(await complete(challenge, code, ["client": 5]).field == "client")
        #expect(await complete(challenge, code, ["password": null()]).isOK)
    }

    @Test func failuresOfOursAreNoWrongCode() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try await challenge()
        for call in [ScriptedStore.Call.account, .open] {
            harness.store.fail([call], with: .storeUnavailable(cause: "gone"))
            #expect(await complete(challenge, authenticator.code()).error == "store_unavailable")
            harness.store.fail([call], with: nil)
        }
        #expect(await complete(challenge, authenticator.code()).isOK)
    }
}
