import Testing
import UsherCrypto
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

/// A user with an authenticator.
struct Authenticator {
    let harness: Harness
    let token: String
    let secret: SharedSecret

    /// Enrols the user of a token.
    init?(_ harness: Harness, _ token: String) async {
        let reply = await harness.totp("enrol", token, ["password": Harness.password])
        guard let text = reply.string("secret") else { return nil }
        self.init(harness, token, secret: text)
    }

    init(_ harness: Harness, _ token: String, secret text: String) {
        (self.harness, self.token) = (harness, token)
        var bytes: [UInt8] = []
        var bits = 0
        for (index, letter) in text.utf8.enumerated() {
            bits = (bits << 5 | Int(letter >= 0x41 ? letter - 0x41 : letter - 0x32 + 26)) & 0xfff
            if (index + 1) * 5 / 8 > index * 5 / 8 { bytes.append(UInt8(bits >> ((index + 1) * 5 % 8) & 0xff)) }
        }
        secret = SharedSecret(SecretBytes(copying: bytes.span))
    }

    var user: UserID? { (claims(of: token)["sub"] as? String).flatMap { UUIDv7(parsing: $0) }.map(UserID.init) }

    /// What it shows now, or some steps from now.
    func code(_ steps: Int64 = 0) -> String {
        let value = TOTP.value(of: TOTP.step(at: harness.now) + steps, secret: secret.bytes, hash: OpenSSLHash())
        return String(String(1_000_000 + value).dropFirst())
    }

    /// One that it does not show.
    var wrong: String {
        let shown = [code(-1), code(0), code(1)]
        return ["000000", "000001", "000002", "000003"].first { !shown.contains($0) } ?? ""
    }

    func confirm() async -> Reply { await harness.totp("confirm", token, ["code": code()]) }
}

extension Harness {
    func totp(_ action: String, _ token: String, _ more: [String: Any] = [:]) async -> Reply {
        await ask("TOTP", (["action": action, "token": token] as [String: Any]).merging(more) { _, other in other })
    }

    /// Registers a user whose second factor is in force, a minute ago.
    func registerWithAuthenticator(_ name: String = "ada") async throws -> (Authenticator, recoveryCodes: [String]) {
        let registered = await register(name)
        let authenticator = try #require(await Authenticator(self, registered.accessToken))
        let codes = try #require(await authenticator.confirm().strings("recovery_codes"))
        clock.advance(seconds: 60)
        return (authenticator, codes)
    }
}

struct TOTPRequestTests {
    private let harness = Harness()

    @Test func enrolling() async throws {
        let registered = await harness.register("Ada")
        let reply = await harness.totp("enrol", registered.accessToken, ["password": Harness.password])
        #expect(Set(reply.members.keys) == ["ok", "secret", "otpauth", "limit", "remaining", "reset"])
        let secret = try #require(reply.string("secret"))
        #expect(secret.wholeMatch(of: #/[A-Z2-7]{32}/#) != nil)
        #expect(
            reply.string("otpauth")
                == "otpauth://totp/usher:Ada?secret=\(secret)&issuer=usher&algorithm=SHA1&digits=6&period=30")
        // Not in force yet.
        #expect(await harness.login().isOK)
        let status = await harness.totp("status", registered.accessToken)
        #expect(status.line == #"{"ok":true,"enabled":false,"recovery_codes_left":0}"#)
        #expect(harness.log.events.allSatisfy { !$0.message.contains(secret) })
    }

    @Test func theIssuerIsAPartOfAURI() async throws {
        var tokens = TokenSettings()
        tokens.issuer = "https://login.example.org/ä b"
        let harness = Harness(tokens: tokens)
        let reply = await harness.totp("enrol", await harness.register().accessToken, ["password": Harness.password])
        let issuer = "https%3A%2F%2Flogin.example.org%2F%C3%A4%20b"
        #expect(reply.string("otpauth")?.hasPrefix("otpauth://totp/\(issuer):ada?secret=") == true)
        #expect(reply.string("otpauth")?.contains("&issuer=\(issuer)&") == true)
    }

    @Test func confirming() async throws {
        let registered = await harness.register()
        let authenticator = try #require(await Authenticator(harness, registered.accessToken))
        let reply = await authenticator.confirm()
        #expect(Set(reply.members.keys) == ["ok", "enabled", "recovery_codes"])
        #expect(reply.bool("enabled") == true)
        #expect(reply.strings("recovery_codes")?.count == 10)
        let status = await harness.totp("status", registered.accessToken)
        #expect(status.line == #"{"ok":true,"enabled":true,"recovery_codes_left":10}"#)
        #expect(harness.log.events(.secondFactorOn).map(\.user) == ["ada"])
        // The code is used up, and sessions that there were go on.
        #expect(await harness.refresh(registered.refreshToken).isOK)
        #expect(await harness.login().error == "otp_required")
        let again = await authenticator.confirm()
        #expect((again.error, again.field) == ("invalid_field", "action"))
    }

    @Test func onlyTheLastSecretCanBeConfirmed() async throws {
        let token = await harness.register().accessToken
        let first = try #require(await Authenticator(harness, token))
        let second = try #require(await Authenticator(harness, token))
        #expect(await first.confirm().error == "invalid_credentials")
        #expect(await second.confirm().isOK)
    }

    @Test func whatIsInForceIsNotReplaced() async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let reply = await harness.totp("enrol", authenticator.token, ["password": Harness.password])
        #expect((reply.error, reply.field) == ("invalid_field", "action"))
        let login = await harness.login()
        let completed = await harness.ask("LOGIN", ["challenge": login.string("challenge") ?? "", "code": authenticator.code()])
        #expect(completed.isOK)
    }

    @Test(arguments: ["enrol", "recovery_codes", "disable"]) func thePasswordIsNeeded(_ action: String) async throws {
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let code = authenticator.code()
        let missing = await harness.totp(action, authenticator.token, ["code": code])
        #expect((missing.error, missing.field) == ("missing_field", "password"))
        let wrong = await harness.totp(action, authenticator.token, ["code": code, "password": "wrong horse"])
        #expect(wrong.error == "invalid_credentials")
        #expect(await harness.totp("status", authenticator.token).integer("recovery_codes_left") == 10)
    }

    @Test(arguments: ["confirm", "recovery_codes", "disable"]) func aCodeIsNeeded(_ action: String) async throws {
        let authenticator: Authenticator
        if action == "confirm" {
            authenticator = try #require(await Authenticator(harness, await harness.register().accessToken))
        } else {
            (authenticator, _) = try await harness.registerWithAuthenticator()
        }
        let missing = await harness.totp(action, authenticator.token, ["password": Harness.password])
        #expect((missing.error, missing.field) == ("missing_field", "code"))
        let number = await harness.totp(action, authenticator.token, ["password": Harness.password, "code": 123456])
        #expect((number.error, number.field) == ("invalid_field", "code"))
        let wrong = await harness.totp(
            action, authenticator.token, ["password": Harness.password, "code": authenticator.wrong])
        #expect(wrong.error == "invalid_credentials")
        #expect(await harness.totp("status", authenticator.token).bool("enabled") == (action != "confirm"))
    }

    @Test(arguments: ["recovery_codes", "disable"]) func thereMustBeOneInForce(_ action: String) async throws {
        let token = await harness.register().accessToken
        for isPending in [false, true] {
            let authenticator = isPending ? await Authenticator(harness, token) : nil
            let members = ["password": Harness.password, "code": authenticator?.code() ?? "123456"]
            let reply = await harness.totp(action, token, members)
            #expect((reply.error, reply.field) == ("invalid_field", "action"))
        }
    }

    @Test(arguments: [false, true]) func disabling(byRecoveryCode: Bool) async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let code = byRecoveryCode ? codes[3] : authenticator.code()
        let reply = await harness.totp("disable", authenticator.token, ["password": Harness.password, "code": code])
        #expect(reply.line.hasPrefix(#"{"ok":true,"enabled":false,"recovery_codes_left":0,"#))
        #expect(await harness.login().isOK)
        let event = try #require(harness.log.events(.secondFactorOff).first)
        #expect(event.message.contains("recovery code") == byRecoveryCode)
        #expect(await Authenticator(harness, authenticator.token) != nil)
    }

    @Test func newRecoveryCodesReplaceTheOld() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let reply = await harness.totp(
            "recovery_codes", authenticator.token, ["password": Harness.password, "code": codes[0]])
        let newer = try #require(reply.strings("recovery_codes"))
        #expect(Set(newer + codes).count == 20)
        let challenge = await harness.login().string("challenge") ?? ""
        #expect(await harness.ask("LOGIN", ["challenge": challenge, "code": codes[1]]).error == "invalid_credentials")
        #expect(await harness.ask("LOGIN", ["challenge": challenge, "code": newer[1]]).isOK)
    }

    @Test func theBearerIsAsked() async throws {
        let registered = await harness.register()
        for action in ["status", "enrol", "confirm"] {
            let members = ["action": action, "password": Harness.password, "code": "123456"]
            #expect(await harness.ask("TOTP", members).error == "token_required")
            #expect(await harness.totp(action, registered.refreshToken, members).error == "token_invalid")
        }
        harness.store.inner.edit(try #require(harness.userID(registered))) { $0.isDisabled = true }
        #expect(await harness.totp("status", registered.accessToken).error == "account_disabled")
        harness.clock.advance(seconds: 16 * 60)
        #expect(await harness.totp("status", registered.accessToken).error == "token_expired")
        let unknown = await harness.totp("dance", registered.accessToken)
        #expect((unknown.error, unknown.field) == ("invalid_field", "action"))
        let missing = await harness.ask("TOTP", ["token": registered.accessToken])
        #expect((missing.error, missing.field) == ("missing_field", "action"))
    }

    @Test func aPasswordThatChangesMeanwhileEnrolsNothing() async throws {
        let registered = await harness.register()
        let user = try #require(harness.userID(registered))
        harness.store.before(.updateSecondFactor) { [store = harness.store] () throws(UsherError) in
            store.inner.edit(user) { $0.passwordHash = PasswordHash("$fast$1$other") }
        }
        #expect(await harness.totp("enrol", registered.accessToken, ["password": Harness.password]).error == "busy")
        harness.store.before(.updateSecondFactor, nil)
        #expect(await harness.totp("confirm", registered.accessToken, ["code": "123456"]).field == "action")
    }

    @Test func guessingToConfirmIsSlowedDown() async throws {
        let authenticator = try #require(await Authenticator(harness, await harness.register().accessToken))
        for _ in 0..<5 {
            let wrong = await harness.totp("confirm", authenticator.token, ["code": authenticator.wrong])
            #expect(wrong.error == "invalid_credentials")
        }
        let reply = await authenticator.confirm()
        #expect(reply.error == "rate_limited")
        #expect(reply.integer("retry_after") == 30)
        harness.clock.advance(seconds: 30)
        #expect(await authenticator.confirm().isOK)
    }

    @Test func aLostDataKeyIsNoWrongCode() async throws {
        let (authenticator, codes) = try await harness.registerWithAuthenticator()
        let user = try #require(authenticator.user)
        let otherKey = try DataKey(secret: SecretBytes(copying: [UInt8](repeating: 9, count: 32).span))
        let sealed = try otherKey.seal(authenticator.secret.bytes, for: user)
        try await harness.store.inner.updateSecondFactor(of: user) { _, factor, _ in
            var factor = factor ?? SecondFactor(sealedSecret: [])
            factor.sealedSecret = sealed
            return .put(factor, ())
        }
        let challenge = await harness.login().string("challenge") ?? ""
        let reply = await harness.ask("LOGIN", ["challenge": challenge, "code": authenticator.code()])
        #expect(reply.error == "internal")
        #expect(harness.log.events(.failure).last?.message.contains("another data key") == true)
        #expect(await harness.ask("LOGIN", ["challenge": challenge, "code": codes[0]]).isOK)
    }
}
