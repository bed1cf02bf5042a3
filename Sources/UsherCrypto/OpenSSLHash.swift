public import UsherModel

/// HMAC under keys that are used once (a session's seed, a user's TOTP secret), from any thread. A key that signs many messages is an `HMACKey`.
public struct OpenSSLHash: KeyedHash {
    public init() {}

    public func hmacSHA256(key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8] {
        guard let mac = oneShotMAC(.hs256, key: key, message: message) else {
            // Every way out but this one would answer a client wrongly: the hash is what a refresh token is recognised by.
            fatalError("libcrypto: HMAC-SHA256 failed; it has no such algorithm, or the machine is out of memory")
        }
        return mac
    }

    public func hmacSHA1(key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8] {
        guard let mac = oneShotMAC(digest: "SHA1", length: 20, key: key, message: message) else {
            fatalError("libcrypto: HMAC-SHA-1 failed; it has no such algorithm, or the machine is out of memory")
        }
        return mac
    }
}
