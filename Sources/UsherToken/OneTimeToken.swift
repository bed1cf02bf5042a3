public import UsherModel

/// A token that goes by mail and is good once: 32 random bytes as base64url.
public struct OneTimeToken: Sendable {
    public let text: String

    private static let count = 32

    public init(random: some RandomSource) {
        var bytes: [UInt8] = []
        random.secret(count: Self.count).withBytes { Base64URL.append($0, to: &bytes) }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// - Throws: `token_invalid` for a text that has not the length of one. The store knows the rest.
    public init(parsing raw: String) throws(UsherError) {
        guard raw.utf8.count == Base64URL.encodedLength(Self.count) else { throw UsherError(.tokenInvalid) }
        text = raw
    }

    /// What the store knows it by: HMAC-SHA256 under the token, of what it is for. Nobody can tell the token from it, nor make one for
    /// another purpose.
    public func digest(for purpose: TokenPurpose, hash: any KeyedHash) -> String {
        let label =
            switch purpose {
            case .reset: "usher one-time token: reset"
            case .confirmation: "usher one-time token: confirmation"
            }
        let mac = hash.hmacSHA256(key: SecretBytes(copying: Array(text.utf8).span), message: Array(label.utf8).span)
        var digest: [UInt8] = []
        Base64URL.append(mac.span, to: &digest)
        return String(decoding: digest, as: UTF8.self)
    }
}
