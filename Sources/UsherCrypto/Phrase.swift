import COpenSSL
import UsherModel

/// What libcrypt is given of a password.
struct Phrase: ~Copyable {
    /// The most bytes of any password.
    static let maxLength = 512
    /// libcrypt fails from CRYPT_MAX_PASSPHRASE_SIZE (512) on, the NUL counted: one byte less than a password may have.
    private static let libraryMaxLength = 511

    let bytes: SecretBytes
    /// Whether all of the password counts. Where it does not (a NUL inside, too long), hashing the phrase is the same work, and
    /// its result must be thrown away.
    let isWhole: Bool

    /// - Parameter maxLength: the most bytes that the scheme takes into account.
    /// - Throws: `internal` when libcrypto fails.
    init(_ password: borrowing SecretBytes, maxLength: Int) throws(UsherError) {
        isWhole = password.count <= maxLength && !password.contains(0)
        if isWhole, password.count > Self.libraryMaxLength {
            bytes = try hexSHA512(of: password)
        } else {
            let count = min(password.count, maxLength, Self.libraryMaxLength)
            bytes = unsafe SecretBytes(capacity: count) { target in
                password.withBytes { password in
                    for index in 0..<count { unsafe target[index] = password[index] }
                }
                return count
            }
        }
    }
}

/// What stands for a password of exactly 512 bytes, so that all of them count. No other program that uses libcrypt could have
/// hashed such a password, so there is nothing to agree with.
private func hexSHA512(of password: borrowing SecretBytes) throws(UsherError) -> SecretBytes {
    let digits = Array("0123456789abcdef".utf8)
    var isDone = false
    let hex = unsafe SecretBytes(capacity: 128) { target in
        let target = unsafe target.assumingMemoryBound(to: UInt8.self)
        // The digest goes into the second half: the digits, written from the front, never overtake it.
        let digest = unsafe UnsafeMutableBufferPointer(rebasing: target[64...])
        var written = 0
        isDone = password.withBytes { password in
            unsafe password.withUnsafeBufferPointer { password in
                unsafe EVP_Q_digest(
                    nil, "SHA512", nil, password.baseAddress, password.count, digest.baseAddress, &written) == 1
            }
        }
        for index in 0..<64 {
            let byte = unsafe digest[index]
            unsafe target[2 * index] = digits[Int(byte >> 4)]
            unsafe target[2 * index + 1] = digits[Int(byte & 15)]
        }
        return 128
    }
    guard isDone else { throw .libcrypto("SHA-512 failed") }
    return hex
}
