import COpenSSL
public import UsherModel

/// Encrypts what the store keeps and the daemon must be able to read again: AES-256-GCM, under a key that is derived from the data key's
/// bytes. What is sealed is nonce, ciphertext and tag; the user is authenticated with it, so that no row can be passed off as another's.
/// From any thread.
public final class DataKey: SecretSeal {
    private static let nonceLength = 12
    private static let tagLength = 16

    /// 12 characters of base64url that tell data keys apart, and tell nothing of the key.
    public let identifier: String
    private let key: SecretBytes

    /// - Throws: `internal` when libcrypto lacks an algorithm.
    public init(secret: borrowing SecretBytes) throws(UsherError) {
        let (keyLabel, identifierLabel) = (Array("usher data key AES-256-GCM".utf8), Array("usher data key identifier".utf8))
        guard var derived = oneShotMAC(.hs256, key: secret, message: keyLabel.span),
            let name = oneShotMAC(.hs256, key: secret, message: identifierLabel.span)
        else { throw .libcrypto("HMAC-SHA256 failed") }
        key = SecretBytes(copying: derived.span)
        unsafe derived.withUnsafeMutableBytes { unsafe cleanse($0) }
        identifier = base64URL(of: name.prefix(9))
    }

    /// A nonce at random is safe for 2^32 secrets under one key (NIST SP 800-38D §8.3).
    public func seal(_ secret: borrowing SecretBytes, for user: UserID) throws(UsherError) -> [UInt8] {
        let context = try CipherContext(key: key, isEncrypting: true)
        var sealed = [UInt8](repeating: 0, count: Self.nonceLength + secret.count + Self.tagLength)
        let end = Self.nonceLength + secret.count
        let isDone = unsafe sealed.withUnsafeMutableBufferPointer { sealed in
            guard let start = sealed.baseAddress, unsafe RAND_bytes(start, Int32(Self.nonceLength)) == 1 else { return false }
            return secret.withBytes { secret in
                unsafe context.begin(nonce: start, user)
                    && context.update(secret, into: start + Self.nonceLength)
                    && context.finish(start + end)
                    && EVP_CIPHER_CTX_ctrl(context.raw, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), start + end) == 1
            }
        }
        guard isDone else { throw .libcrypto("AES-256-GCM failed") }
        return sealed
    }

    public func open(_ sealed: [UInt8], for user: UserID) throws(UsherError) -> SecretBytes {
        let length = sealed.count - Self.nonceLength - Self.tagLength
        guard length >= 0 else { throw UsherError(.internal, cause: "a sealed secret of user \(user) is cut short") }
        let context = try CipherContext(key: key, isEncrypting: false)
        var sealed = sealed
        var isAuthentic = false
        let secret = unsafe SecretBytes(capacity: length) { target in
            unsafe sealed.withUnsafeMutableBufferPointer { sealed in
                guard let start = sealed.baseAddress, let output = unsafe target.assumingMemoryBound(to: UInt8.self).baseAddress
                else { return }
                let text = unsafe UnsafeBufferPointer(rebasing: sealed[Self.nonceLength..<Self.nonceLength + length])
                isAuthentic =
                    unsafe context.begin(nonce: start, user)
                    && context.update(text.span, into: output)
                    && EVP_CIPHER_CTX_ctrl(
                        context.raw, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), start + Self.nonceLength + length) == 1
                    && context.finish(output + length)
            }
            return length
        }
        guard isAuthentic else {
            ERR_clear_error()
            throw UsherError(
                .internal,
                cause: "a secret of user \(user) does not open: it was sealed under another data key than \(identifier), "
                    + "or is damaged")
        }
        return secret
    }
}

/// One encryption or decryption.
@safe private struct CipherContext: ~Copyable {
    let raw: OpaquePointer

    init(key: borrowing SecretBytes, isEncrypting: Bool) throws(UsherError) {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { throw .libcrypto("EVP_CIPHER_CTX_new failed") }
        let isKeyed = key.withBytes { key in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key.baseAddress, nil, isEncrypting ? 1 : 0) == 1
            }
        }
        guard isKeyed else {
            unsafe EVP_CIPHER_CTX_free(context)
            throw .libcrypto("it has no AES-256-GCM")
        }
        unsafe raw = context
    }

    // It cleanses the key that it holds.
    deinit { unsafe EVP_CIPHER_CTX_free(raw) }

    /// - Parameter nonce: of 12 bytes, which is what GCM takes if nothing else is said.
    borrowing func begin(nonce: UnsafePointer<UInt8>, _ user: UserID) -> Bool {
        let user = Array(user.description.utf8)
        var count: Int32 = 0
        return unsafe EVP_CipherInit_ex(raw, nil, nil, nil, nonce, -1) == 1
            && EVP_CipherUpdate(raw, nil, &count, user, Int32(user.count)) == 1
    }

    borrowing func update(_ text: Span<UInt8>, into output: UnsafeMutablePointer<UInt8>) -> Bool {
        var count: Int32 = 0
        return unsafe text.withUnsafeBufferPointer { text in
            unsafe EVP_CipherUpdate(raw, output, &count, text.baseAddress, Int32(text.count)) == 1
        } && Int(count) == text.count
    }

    /// GCM writes nothing at its end.
    borrowing func finish(_ output: UnsafeMutablePointer<UInt8>) -> Bool {
        var count: Int32 = 0
        return unsafe EVP_CipherFinal_ex(raw, output, &count) == 1 && count == 0
    }
}
