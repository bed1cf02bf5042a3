import COpenSSL
import UsherModel

/// A keyed EVP_MAC_CTX. It is started anew for each message with a NULL key, which keeps the key that it has (EVP_MAC(3)).
@safe struct MACContext: ~Copyable {
    private let raw: OpaquePointer
    private let length: Int

    init(algorithm: MACAlgorithm, secret: borrowing SecretBytes) throws(UsherError) {
        guard let method = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else { throw .libcrypto("it has no HMAC") }
        defer { unsafe EVP_MAC_free(method) }
        guard let context = unsafe EVP_MAC_CTX_new(method) else { throw .libcrypto("EVP_MAC_CTX_new failed") }
        var digest = Array(algorithm.digestName.utf8CString)
        let isKeyed = unsafe digest.withUnsafeMutableBufferPointer { digest in
            let parameters = unsafe [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.baseAddress, 0), OSSL_PARAM_construct_end(),
            ]
            return secret.withBytes { key in
                unsafe key.withUnsafeBufferPointer { key in
                    unsafe EVP_MAC_init(context, key.baseAddress, key.count, parameters) == 1
                }
            }
        }
        guard isKeyed, unsafe EVP_MAC_CTX_get_mac_size(context) == algorithm.hashLength else {
            unsafe EVP_MAC_CTX_free(context)
            throw .libcrypto("it cannot key \(algorithm.rawValue)")
        }
        unsafe raw = context
        length = algorithm.hashLength
    }

    // It cleanses the key that it holds.
    deinit { unsafe EVP_MAC_CTX_free(raw) }

    /// Writes the MAC of `message` to `output`, which is as long as the hash.
    func mac(of message: Span<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) {
        var written = 0
        let isDone = unsafe message.withUnsafeBufferPointer { message in
            unsafe EVP_MAC_init(raw, nil, 0, nil) == 1 && EVP_MAC_update(raw, message.baseAddress, message.count) == 1
                && EVP_MAC_final(raw, output.baseAddress, &written, output.count) == 1
        }
        // All that can fail after the self-test is an allocation. To say "invalid" then would log every user out.
        guard isDone, written == length else { fatalError("libcrypto: HMAC failed; the machine is out of memory") }
    }

    func mac(of message: Span<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: length) { output, count in
            unsafe mac(of: message, into: UnsafeMutableBufferPointer(rebasing: output[..<length]))
            count = length
        }
    }
}

/// HMAC under a key that is used this once; from any thread. Nil when libcrypto fails.
func oneShotMAC(_ algorithm: MACAlgorithm, key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8]? {
    oneShotMAC(digest: algorithm.digestName, length: algorithm.hashLength, key: key, message: message)
}

/// - Parameters:
///   - digest: what libcrypto calls the hash.
///   - length: of the hash, in bytes.
func oneShotMAC(digest: String, length: Int, key: borrowing SecretBytes, message: Span<UInt8>) -> [UInt8]? {
    let result = unsafe [UInt8](unsafeUninitializedCapacity: length) { output, count in
        var written = 0
        let isDone = key.withBytes { key in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe message.withUnsafeBufferPointer { message in
                    unsafe EVP_Q_mac(
                        nil, "HMAC", nil, digest, nil, key.baseAddress, key.count, message.baseAddress, message.count,
                        output.baseAddress, output.count, &written) != nil
                }
            }
        }
        count = isDone && written == length ? written : 0
    }
    return result.isEmpty ? nil : result
}

extension MACAlgorithm {
    /// What libcrypto calls the hash.
    fileprivate var digestName: String {
        switch self {
        case .hs256: "SHA2-256"
        case .hs384: "SHA2-384"
        case .hs512: "SHA2-512"
        }
    }
}
