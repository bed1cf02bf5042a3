import UsherJSON
import UsherModel

/// What a user gives for a code: the digits that their authenticator shows, or one of their recovery codes. Blanks and hyphens, and the case
/// of letters, do not matter.
enum SecondFactorCode: Sendable {
    case digits(UInt32)
    /// In small letters, without hyphens.
    case recovery(SharedSecret)
    /// What can be neither.
    case neither

    init(_ text: borrowing SecretBytes) {
        var isTooLong = false
        let code = unsafe SecretBytes(capacity: RecoveryCode.length) { target in
            var count = 0
            text.withBytes { text in
                for index in text.indices where text[index] != UInt8(ascii: " ") && text[index] != UInt8(ascii: "-") {
                    isTooLong = count == target.count
                    if isTooLong { break }
                    let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(text[index])
                    unsafe target[count] = isCapital ? text[index] | 0x20 : text[index]
                    count += 1
                }
            }
            return count
        }
        switch code.count {
        case _ where isTooLong: self = .neither
        case TOTP.digits: self = code.number.map(SecondFactorCode.digits) ?? .neither
        case RecoveryCode.length: self = .recovery(SharedSecret(code))
        default: self = .neither
        }
    }

    var isRecovery: Bool { if case .recovery = self { true } else { false } }
}

extension SecretBytes {
    /// Nil unless all are digits.
    fileprivate var number: UInt32? {
        withBytes { bytes in
            var number: UInt32 = 0
            for index in bytes.indices {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) else { return nil }
                number = number * 10 + UInt32(bytes[index] - UInt8(ascii: "0"))
            }
            return number
        }
    }
}

extension JSONReader {
    /// - Throws: `missing_field`, `invalid_field`.
    func secondFactorCode(in line: Span<UInt8>) throws(UsherError) -> SecondFactorCode {
        SecondFactorCode(try requiredSecret("code", in: line).bytes)
    }
}

/// Looks at a code, in the transaction that uses it up.
struct CodeCheck: Sendable {
    let code: SecondFactorCode
    let user: UserID
    let now: NumericDate
    let seal: any SecretSeal
    let hash: any KeyedHash

    /// Recovery codes cannot be guessed: they neither count nor wait, so that wrong codes of somebody else who has the password do not
    /// keep the user out.
    /// - Throws: `internal` if the secret cannot be opened.
    func outcome(for factor: SecondFactor, at time: ServiceTime) throws(UsherError) -> CodeOutcome {
        switch code {
        case .neither: return CodeOutcome(factor, refusal: .wrongCode)
        case .recovery(let text):
            guard let left = RecoveryCode.use(text.bytes, of: user, among: factor.recoveryCodes, hash: hash) else {
                return CodeOutcome(factor, refusal: .wrongCode)
            }
            var factor = factor.withoutFailures
            factor.recoveryCodes = left
            return CodeOutcome(factor)
        case .digits(let digits):
            let wait = factor.blockedUntil - time.now
            guard wait <= 0 else {
                return CodeOutcome(
                    factor,
                    refusal: UsherError(
                        .rateLimited, "There were too many wrong codes; wait, or give a recovery code.",
                        detail: .retryAfter(Int((wait + 999) / 1000))))
            }
            let secret = try seal.open(factor.sealedSecret, for: user)
            guard let step = TOTP.step(of: digits, at: now, after: factor.lastStep, secret: secret, hash: hash) else {
                return CodeOutcome(factor.withOneMoreFailure(at: time), refusal: .wrongCode)
            }
            var factor = factor.withoutFailures
            factor.lastStep = step
            return CodeOutcome(factor)
        }
    }
}

extension SecondFactor {
    fileprivate var withoutFailures: SecondFactor {
        var factor = self
        factor.failures = 0
        factor.blockedUntil = 0
        return factor
    }

    fileprivate func withOneMoreFailure(at time: ServiceTime) -> SecondFactor {
        var factor = self
        factor.failures += 1
        let doublings = factor.failures - Limits.wrongCodes
        if doublings >= 0 {
            // A shift by more than that would be past the longest delay in any case.
            factor.blockedUntil = time.now + min(Limits.codeDelay << min(doublings, 32), Limits.longestCodeDelay)
        }
        return factor
    }
}

extension UsherError {
    fileprivate static let wrongCode = UsherError(.invalidCredentials, "The code is wrong, or was used before.")
}

extension AuthService {
    func check(_ code: SecondFactorCode, of user: UserID) -> CodeCheck {
        CodeCheck(code: code, user: user, now: clock.now(), seal: seal, hash: hash)
    }
}
