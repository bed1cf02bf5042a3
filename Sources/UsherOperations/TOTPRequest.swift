import UsherJSON
import UsherModel

/// TOTP: the second factor of one's own account. To take it away needs what it protects with, too: a password that was stolen is not enough.
struct TOTPRequest: DeferredRequest {
    static let operation = Operation(
        name: "TOTP",
        summary: "Set up, look at or take away the second factor of one's own account.",
        members: [
            .init("action", "string: \"status\", \"enrol\", \"confirm\", \"recovery_codes\" or \"disable\""),
            .init("token", "string: an access token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
            .init("password", "string: of the account, to enrol, disable and get recovery codes"),
            .init("code", "string: six digits, or a recovery code, to confirm, disable and get recovery codes"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"TOTP","action":"enrol","token":"eyJhbGciOi...","password":"correct horse"}"#,
        event: .totp,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try TOTPRequest(reading: request, line, rights, service)
        })

    private enum Action: Sendable {
        case status
        case enrol(SharedSecret)
        case confirm(SecondFactorCode)
        case recoveryCodes(SharedSecret, SecondFactorCode)
        case disable(SharedSecret, SecondFactorCode)
    }

    private let action: Action
    private let bearer: Bearer
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        action =
            switch try request.requiredString("action", in: line) {
            case "status": .status
            case "enrol": .enrol(try request.requiredSecret("password", in: line))
            case "confirm": .confirm(try request.secondFactorCode(in: line))
            case "recovery_codes":
                .recoveryCodes(try request.requiredSecret("password", in: line), try request.secondFactorCode(in: line))
            case "disable":
                .disable(try request.requiredSecret("password", in: line), try request.secondFactorCode(in: line))
            default:
                throw .invalidField(
                    "action",
                    "The action is \"status\", \"enrol\", \"confirm\", \"recovery_codes\" or \"disable\".")
            }
        client = try request.client(in: line, rights)
        bearer = try request.bearer(in: line, rights, service)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        switch action {
        case .status:
            _ = try await service.account(of: bearer, as: attempt)
            return try await service.store.updateSecondFactor(of: bearer.user) { _, factor, _ in .keep(Status(factor)) }
        case .enrol(let password): return try await enrol(password, service, attempt)
        case .confirm(let code):
            let account = try await service.account(of: bearer, as: attempt)
            let codes = recoveryCodes(service)
            let (now, digests) = (service.clock.now(), codes.digests)
            try await use(code, of: account, isInForce: false, service, attempt) { factor in
                var factor = factor
                factor.confirmedAt = now
                factor.recoveryCodes = digests
                return .put(factor, nil)
            }
            attempt.finding = .secondFactorOn
            return Confirmed(recoveryCodes: codes.texts)
        case .recoveryCodes(let password, let code):
            let (account, _) = try await service.reauthenticate(bearer, password: password, as: attempt) { _, _ in }
            let codes = recoveryCodes(service)
            let digests = codes.digests
            try await use(code, of: account, isInForce: true, service, attempt) { factor in
                var factor = factor
                factor.recoveryCodes = digests
                return .put(factor, nil)
            }
            attempt.remark = "there are new recovery codes"
            return Confirmed(recoveryCodes: codes.texts)
        case .disable(let password, let code):
            let (account, _) = try await service.reauthenticate(bearer, password: password, as: attempt) { _, _ in }
            try await use(code, of: account, isInForce: true, service, attempt) { _ in .remove(nil) }
            attempt.finding = .secondFactorOff
            return Status(nil)
        }
    }

    private func enrol(
        _ password: SharedSecret, _ service: AuthService, _ attempt: Attempt
    ) async throws(UsherError) -> Enrolment {
        let (account, _) = try await service.reauthenticate(bearer, password: password, as: attempt) { _, _ in }
        let secret = SharedSecret(service.random.secret(count: TOTP.secretLength))
        let pending = SecondFactor(sealedSecret: try service.seal.seal(secret.bytes, for: account.user.id))
        try await service.store.updateSecondFactor(of: account.user.id) { present, factor, _ throws(UsherError) in
            try account.isUnchanged(in: present)
            guard factor?.isInForce != true else {
                throw .invalidField("action", "A second factor is in force: disable it before another one is enrolled.")
            }
            return .put(pending, ())
        }
        attempt.remark = "a secret was handed out; it is not in force before it is confirmed"
        return Enrolment(secret: secret, issuer: service.tokens.issuer, account: account.user.username)
    }

    private func recoveryCodes(_ service: AuthService) -> (texts: [String], digests: [[UInt8]]) {
        RecoveryCode.generate(for: bearer.user, random: service.random, hash: service.hash)
    }

    /// Uses a code up and does what it was given for, in one transaction.
    /// - Parameter isInForce: whether the second factor must be in force by now, or must not be yet.
    /// - Throws: `invalid_field` if it is not so; `invalid_credentials`, `rate_limited`.
    private func use(
        _ code: SecondFactorCode, of account: Account, isInForce: Bool, _ service: AuthService, _ attempt: Attempt,
        for step: @escaping @Sendable (SecondFactor) -> SecondFactorStep<UsherError?>
    ) async throws(UsherError) {
        let check = service.check(code, of: account.user.id)
        let refusal = try await service.store.updateSecondFactor(of: account.user.id) {
            present, factor, time throws(UsherError) -> SecondFactorStep<UsherError?> in
            try account.isUnchanged(in: present)
            guard let factor, factor.isInForce == isInForce else {
                throw .invalidField(
                    "action", isInForce ? "No second factor is in force." : "There is nothing to confirm: enrol comes first.")
            }
            let outcome = try check.outcome(for: factor, at: time)
            if let refusal = outcome.refusal { return .put(outcome.factor, refusal) }
            return step(outcome.factor)
        }
        if let refusal { throw refusal }
        if code.isRecovery { attempt.remark = "by a recovery code" }
    }

    /// What `disable` and `status` answer.
    private struct Status: Output {
        let isEnabled: Bool
        let codesLeft: Int

        init(_ factor: SecondFactor?) {
            isEnabled = factor?.isInForce ?? false
            codesLeft = factor?.recoveryCodes.count ?? 0
        }

        func write(to writer: inout JSONWriter) {
            writer.member("enabled", isEnabled)
            writer.member("recovery_codes_left", Int64(codesLeft))
        }
    }

    /// What `confirm` and `recovery_codes` answer: the only time that the codes are shown.
    private struct Confirmed: Output {
        let recoveryCodes: [String]

        func write(to writer: inout JSONWriter) {
            writer.member("enabled", true)
            writer.member("recovery_codes", recoveryCodes)
        }
    }

    /// What `enrol` answers: the only time that the secret is shown.
    private struct Enrolment: Output {
        let secret: SharedSecret
        let issuer: String
        let account: Username

        func write(to writer: inout JSONWriter) {
            let issuer = percentEncoded(issuer)
            write("secret", "", "", to: &writer)
            write(
                "otpauth", "otpauth://totp/\(issuer):\(account.text)?secret=",
                "&issuer=\(issuer)&algorithm=SHA1&digits=\(TOTP.digits)&period=\(TOTP.period)", to: &writer)
        }

        /// The secret between two texts, all of characters that JSON takes as they are.
        private func write(_ name: String, _ before: String, _ after: String, to writer: inout JSONWriter) {
            var json = Array("\"\(before)".utf8)
            secret.bytes.withBytes { Base32.append($0, to: &json) }
            json += "\(after)\"".utf8
            writer.member(name, raw: json.span)
            unsafe json.withUnsafeMutableBytes { unsafe cleanse($0) }
        }
    }
}

extension Account {
    /// - Throws: `token_revoked` if it is gone by now; `busy` if its password is not the one that was asked for.
    fileprivate func isUnchanged(in present: Account?) throws(UsherError) {
        guard let present else { throw UsherError(.tokenRevoked) }
        guard present.passwordHash == passwordHash else { throw .busy }
    }
}

/// As a part of a URI (RFC 3986 §2.3).
private func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            encoded.append(byte)
        default: encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: encoded, as: UTF8.self)
}
