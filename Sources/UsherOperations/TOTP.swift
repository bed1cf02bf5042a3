import UsherModel

/// One-time passwords that go with the time (RFC 6238), of the kind that every authenticator knows: SHA-1, six digits, 30 seconds.
enum TOTP {
    static let digits = 6
    /// Seconds of a time step.
    static let period: Int64 = 30
    /// Bytes of a secret (RFC 4226 §4, R6).
    static let secretLength = 20

    static func step(at now: NumericDate) -> Int64 { max(now, 0) / period }

    /// The value of HOTP for a counter (RFC 4226 §5.3); of TOTP for the time step of that number (RFC 6238 §4.2).
    static func value(
        of counter: Int64, secret: borrowing SecretBytes, digits: Int = digits, hash: any KeyedHash
    ) -> UInt32 {
        let message = (0..<8).map { UInt8(truncatingIfNeeded: counter >> (56 - 8 * $0)) }
        let mac = hash.hmacSHA1(key: secret, message: message.span)
        let offset = Int(mac[19] & 0xf)
        let number = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
        return number % (0..<digits).reduce(1) { power, _ in power * 10 }
    }

    /// The time step that a code is of, among those that may be told now and come after the step `last`. Takes the same time for every
    /// code.
    static func step(
        of code: UInt32, at now: NumericDate, after last: Int64, secret: borrowing SecretBytes, hash: any KeyedHash
    ) -> Int64? {
        var found: Int64?
        let present = step(at: now)
        for step in max(present - Limits.codeTolerance, 0)...present + Limits.codeTolerance {
            let isRight = value(of: step, secret: secret, hash: hash) ^ code == 0
            if isRight, step > last { found = step }
        }
        return found
    }
}
