import COpenSSL
public import UsherModel

/// HMAC under keys that are used once (a session's seed, a user's TOTP secret), and SHA-1 for lists of breached passwords, from any thread. A key that signs
/// many messages is an `HMACKey`.
public struct OpenSSLHash: KeyedHash, SHA1Hash {
    public init() {}

    public func hmacSHA256(key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8] {
        HMACSHA256(secret: key).mac(of: message)
    }

    public func sha1Prefix(of message: Span<UInt8>) -> UInt64 {
        var state = SHA_CTX()
        var digest: (UInt64, UInt64, UInt64) = (0, 0, 0)
        unsafe SHA1_Init(&state)
        unsafe message.withUnsafeBytes { _ = unsafe SHA1_Update(&state, $0.baseAddress, $0.count) }
        unsafe withUnsafeMutableBytes(of: &digest) { digest in
            _ = unsafe SHA1_Final(digest.assumingMemoryBound(to: UInt8.self).baseAddress, &state)
        }
        // It holds the end of the message.
        unsafe withUnsafeMutableBytes(of: &state) { unsafe cleanse($0) }
        return UInt64(bigEndian: digest.0)
    }

    public func hmacSHA1(key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8] {
        guard let mac = oneShotMAC(digest: "SHA1", length: 20, key: key, message: message) else {
            fatalError("libcrypto: HMAC-SHA-1 failed; it has no such algorithm, or the machine is out of memory")
        }
        return mac
    }
}
