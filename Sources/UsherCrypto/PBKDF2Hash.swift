import COpenSSL
import UsherModel

/// A hash of Django's usual hasher: `pbkdf2_sha256$<iterations>$<salt>$<32 bytes in base64>` (PBKDF2, RFC 8018 §5.2).
struct PBKDF2Hash {
    static let prefix = "pbkdf2_sha256$"
    private static let length = 32

    private let iterations: Int
    /// Its characters are the salt, as they stand.
    private let salt: [UInt8]
    private let digest: [UInt8]

    init(parsing text: String) throws(HashFault) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] + "$" == Self.prefix else {
            throw HashFault("A hash of Django's is pbkdf2_sha256$<iterations>$<salt>$<hash>.")
        }
        guard let iterations = HashText.number(parts[1]), (1...Limits.pbkdf2Iterations).contains(iterations) else {
            throw HashFault("The iterations of PBKDF2 must be 1 to \(Limits.pbkdf2Iterations.grouped).")
        }
        guard (1...Limits.hashSalt).contains(parts[2].utf8.count), parts[2].utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw HashFault("The salt of PBKDF2 must be 1 to \(Limits.hashSalt) printable ASCII characters.")
        }
        guard let digest = HashText.base64(parts[3], isPadded: true), digest.count == Self.length else {
            throw HashFault("The hash of pbkdf2_sha256 must be \(Self.length) bytes in base64.")
        }
        self.iterations = iterations
        salt = Array(parts[2].utf8)
        self.digest = digest
    }

    /// One that nobody has a password for.
    static func decoy(_ setting: String) -> String {
        setting + String(repeating: "a", count: 22) + "$" + HashText.base64(HashText.random(count: length), isPadded: true)
    }

    func isMatch(_ password: borrowing SecretBytes) throws(UsherError) -> Bool {
        var computed = [UInt8](repeating: 0, count: digest.count)
        let length = Int32(password.count)
        let isDone = unsafe password.withCString { password in
            unsafe PKCS5_PBKDF2_HMAC(
                password, length, salt, Int32(salt.count), Int32(iterations), EVP_sha256(), Int32(computed.count), &computed) == 1
        }
        guard isDone else { throw .libcrypto("PBKDF2 failed") }
        return unsafe CRYPTO_memcmp(computed, digest, digest.count) == 0
    }
}
