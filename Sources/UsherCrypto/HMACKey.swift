import COpenSSL
public import UsherModel

/// One signing key of JWS (RFC 7518 §3.2). It belongs to one thread.
///
/// The key schedule is done once: each message starts the same context anew, which costs a third of a one-shot HMAC.
@safe public final class HMACKey: SigningKey {
    public let algorithm: MACAlgorithm
    /// 12 characters of base64url, the same after every restart: the beginning of the key's own MAC of a label that no token
    /// begins with. Whoever has it learns as much of the key as from the signature of a token.
    public let identifier: String
    private let mechanism: Mechanism
    /// Room for one MAC.
    private let computed: UnsafeMutableBufferPointer<UInt8>

    private enum Mechanism: ~Copyable {
        /// HS256.
        case quick(HMACSHA256)
        case general(MACContext)
    }

    /// - Parameter secret: the caller makes sure of its length: at least `algorithm.hashLength` (RFC 7518 §3.2).
    /// - Throws: `internal` when libcrypto lacks the algorithm, or fails the self-test of a context that is started anew.
    public init(algorithm: MACAlgorithm, secret: borrowing SecretBytes) throws(UsherError) {
        mechanism =
            switch algorithm {
            case .hs256: .quick(HMACSHA256(secret: secret))
            case .hs384, .hs512: .general(try MACContext(algorithm: algorithm, secret: secret))
            }
        unsafe computed = .allocate(capacity: algorithm.hashLength)
        unsafe computed.initialize(repeating: 0)
        self.algorithm = algorithm
        let label = Array("usher key identifier \(algorithm.rawValue)".utf8)
        identifier = base64URL(of: Self.mac(of: label.span, by: mechanism).prefix(9))
        try selfTest(secret)
    }

    private func selfTest(_ secret: borrowing SecretBytes) throws(UsherError) {
        // The long ones begin with a whole block, two of them with the same.
        let long = String(repeating: "usher self-test, ", count: 5)
        for message in ["usher self-test", "usher self-test, the second message", long, long + "more", "another " + long] {
            let message = Array(message.utf8)
            guard let expected = oneShotMAC(algorithm, key: secret, message: message.span) else {
                throw .libcrypto("a one-shot \(algorithm.rawValue) failed")
            }
            // Twice each: the second run is the one that starts a used context anew.
            for _ in 1...2 where sign(message.span) != expected || !isValid(expected.span, of: message.span) {
                throw .libcrypto(
                    "a keyed \(algorithm.rawValue) context that is started anew gives wrong results with this version")
            }
        }
    }

    deinit {
        unsafe cleanse(UnsafeMutableRawBufferPointer(computed))
        unsafe computed.deallocate()
    }

    public func sign(_ message: Span<UInt8>) -> [UInt8] { Self.mac(of: message, by: mechanism) }

    private static func mac(of message: Span<UInt8>, by mechanism: borrowing Mechanism) -> [UInt8] {
        switch mechanism {
        case .quick(let hash): hash.mac(of: message)
        case .general(let context): context.mac(of: message)
        }
    }

    public func isValid(_ signature: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        guard signature.count == algorithm.hashLength else { return false }
        switch mechanism {
        case .quick(let hash): unsafe hash.mac(of: message, into: computed)
        case .general(let context): unsafe context.mac(of: message, into: computed)
        }
        return unsafe signature.withUnsafeBufferPointer { signature in
            unsafe CRYPTO_memcmp(signature.baseAddress, computed.baseAddress, computed.count) == 0
        }
    }
}

/// Base64url without padding (RFC 7515 §2) of a multiple of three bytes.
func base64URL(of bytes: some Collection<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    precondition(bytes.count.isMultiple(of: 3))
    var text: [UInt8] = []
    var bits = 0
    for (index, byte) in bytes.enumerated() {
        bits = bits << 8 | Int(byte)
        guard index % 3 == 2 else { continue }
        for shift in [18, 12, 6, 0] { text.append(alphabet[bits >> shift & 63]) }
        bits = 0
    }
    return String(decoding: text, as: UTF8.self)
}
