import UsherJSON
public import UsherModel

/// A login that waits for the code of a second factor: who it is that gave the right password, and what session they asked for. It grants
/// nothing by itself, and takes no place anywhere until it is completed.
public struct LoginChallenge: Sendable {
    public let user: UserID
    /// What the session is to be for.
    public let audience: String
    public let expiresAt: NumericDate
    /// Tells the password that was given: see `TokenIssuer.binding`.
    private let binding: String

    /// - Throws: `token_invalid`.
    public init(_ token: consuming VerifiedToken) throws(UsherError) {
        (user, audience, expiresAt, binding) = try token.withPayload { payload throws(UsherError) in
            guard let sub = token.claims.value("sub", in: payload)?.string(in: payload), let uuid = UUIDv7(parsing: sub),
                let audience = token.claims.value("aud", in: payload)?.string(in: payload),
                let expiresAt = token.claims.value("exp", in: payload)?.integer(in: payload),
                let binding = token.claims.value("pwd", in: payload)?.string(in: payload)
            else { throw .tokenInvalid("A claim of the challenge lacks or is of the wrong type.") }
            return (UserID(uuid), audience, expiresAt, binding)
        }
    }

    public func isExpired(now: NumericDate) -> Bool { now >= expiresAt }

    /// Whether the account still has the password that was given.
    public func isBound(to hash: PasswordHash, by issuer: TokenIssuer) -> Bool { binding == issuer.binding(of: hash) }
}

extension TokenIssuer {
    /// - Parameter hash: what the password was checked against, or what has taken its place since.
    public func challenge(
        to user: UserID, password hash: PasswordHash, audience: String, issuedAt now: NumericDate, expiresAt: NumericDate
    ) -> String {
        var claims = JSONWriter()
        claims.openObject()
        claims.member("iss", settings.issuer)
        claims.member("sub", user.uuid)
        claims.member("aud", audience)
        claims.member("pwd", binding(of: hash))
        claims.member("iat", now)
        claims.member("exp", expiresAt)
        claims.closeObject()
        return sign(claims, refreshKey, Self.header(refreshKey, .challenge))
    }

    /// Tells password hashes apart to who has the key, and tells others nothing of them.
    func binding(of hash: PasswordHash) -> String {
        // No token begins so: what is signed here can be none.
        let message = Array("the password behind a challenge: \(hash.text)".utf8)
        var text: [UInt8] = []
        Base64URL.append(refreshKey.sign(message.span).span.extracting(0..<16), to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
