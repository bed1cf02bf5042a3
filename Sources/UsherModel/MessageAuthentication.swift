/// The signature algorithms of JWS that use HMAC (RFC 7518 §3.2).
public enum MACAlgorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"

    /// The length of the hash, and so the least length of a key (RFC 7518 §3.2), in bytes.
    public var hashLength: Int {
        switch self {
        case .hs256: 32
        case .hs384: 48
        case .hs512: 64
        }
    }
}

/// The port to one signing key. It belongs to the thread that made it: the hot path takes no lock.
public protocol SigningKey: AnyObject {
    var algorithm: MACAlgorithm { get }
    /// The key's `kid` (RFC 7515 §4.1.4): tells keys apart, tells nothing of the key.
    var identifier: String { get }
    /// The MAC of `message`, `algorithm.hashLength` bytes.
    func sign(_ message: Span<UInt8>) -> [UInt8]
    /// Whether `signature` is the MAC of `message`, compared in constant time.
    func isValid(_ signature: Span<UInt8>, of message: Span<UInt8>) -> Bool
}

/// The port to SHA-1 (FIPS 180-4), from any thread. It is what lists of breached passwords come in, and protects nothing here.
public protocol SHA1Hash: Sendable {
    /// The first 8 bytes of the hash, the first of them on top.
    func sha1Prefix(of message: Span<UInt8>) -> UInt64
}

/// The port to HMAC under a key that is used once, from any thread.
public protocol KeyedHash: Sendable {
    /// HMAC-SHA256, 32 bytes.
    func hmacSHA256(key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8]
    /// HMAC-SHA-1, 20 bytes: what one-time passwords are made with (RFC 4226 §5.3), and nothing else is.
    func hmacSHA1(key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8]
}
