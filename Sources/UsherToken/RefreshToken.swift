import UsherJSON
public import UsherModel

/// What a refresh token says whose signature holds: which session, and the how manieth of its refresh tokens. Whether it is the good one
/// is for the store to tell.
public struct RefreshToken: Sendable {
    public let session: SessionID
    public let generation: Int64
    /// Seconds since 1970.
    public let expiresAt: Double
    private let proof: [UInt8]

    /// - Throws: `token_invalid`.
    public init(_ token: borrowing VerifiedToken) throws(UsherError) {
        (session, generation, expiresAt, proof) = try token.withPayload { payload throws(UsherError) in
            guard let sid = token.claims.value("sid", in: payload), sid.kind == .string,
                let uuid = sid.withBytes(in: payload, { UUIDv7(parsing: $0) }),
                let generation = token.claims.value("gen", in: payload)?.integer(in: payload), generation > 0,
                let expiresAt = token.claims.value("exp", in: payload)?.numericDate(in: payload),
                let jti = token.claims.value("jti", in: payload), jti.kind == .string
            else { throw .tokenInvalid("A claim of the refresh token lacks or is of the wrong type.") }
            return (SessionID(uuid), generation, expiresAt, jti.bytes(in: payload))
        }
    }

    public func isExpired(now: NumericDate) -> Bool { Double(now) >= expiresAt }

    /// Whether its `jti` was made under the session's seed: neither the signing secret nor the store alone can make one.
    public func isGenuine(seed: SharedSecret, hash: any KeyedHash) -> Bool {
        let expected = RefreshToken.proof(seed: seed, generation: generation, hash: hash)
        guard proof.count == expected.count else { return false }
        var difference: UInt8 = 0
        for index in expected.indices { difference |= proof[index] ^ expected[index] }
        return difference == 0
    }

    /// The `jti` of a generation: base64url of HMAC-SHA256 under the seed, of the generation as eight bytes, the highest first.
    static func proof(seed: SharedSecret, generation: Int64, hash: any KeyedHash) -> [UInt8] {
        let number = (0..<8).map { UInt8(truncatingIfNeeded: generation >> (56 - 8 * $0)) }
        let mac = hash.hmacSHA256(key: seed.bytes, message: number.span)
        var text: [UInt8] = []
        Base64URL.append(mac.span, to: &text)
        return text
    }
}
