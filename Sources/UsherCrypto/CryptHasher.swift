import COpenSSL
public import UsherModel

/// Password hashing by libcrypt: new hashes as the settings have them, stored ones of every scheme in `StoredScheme`.
///
/// The work of a stored hash is what its own cost says: an imported `$2b$31$…` takes a worker for days. Nothing here bounds it.
public struct CryptHasher: PasswordHasher {
    /// One of the present scheme and cost.
    private let decoy: PasswordHash
    private let settings: PasswordSettings
    /// What a hash of the present scheme and cost begins with: `$y$jBT$`, `$2b$12$`.
    private let prefix: String

    /// Hashes nothing: the daemon starts in milliseconds.
    /// - Throws: `internal` when the cost is not one of the scheme's, or libcrypt lacks the scheme.
    public init(settings: PasswordSettings) throws(UsherError) {
        let setting = try settings.freshSetting()
        self.settings = settings
        prefix = PasswordHash(setting).setting
        let scheme: StoredScheme =
            switch settings.scheme {
            case .yescrypt: .yescrypt
            case .bcrypt: .bcrypt
            }
        decoy = PasswordHash(setting + scheme.digestSeparator + randomDigest(scheme))
    }

    public func decoy(like setting: String?) -> PasswordHash {
        guard let setting, setting != prefix, let scheme = StoredScheme(of: setting) else { return decoy }
        return PasswordHash(setting + scheme.plainSalt + scheme.digestSeparator + randomDigest(scheme))
    }

    /// - Throws: `internal` when the library fails; `weak_password` for a password that the caller should have refused: with a
    ///   NUL inside, or longer than the scheme takes into account.
    public func hash(_ password: borrowing SecretBytes) throws(UsherError) -> PasswordHash {
        guard !password.contains(0) else { throw UsherError(.weakPassword, detail: .reason("nul")) }
        let phrase = try Phrase(password, maxLength: settings.scheme.maxLength)
        guard phrase.isWhole else { throw UsherError(.weakPassword, detail: .reason("too_long")) }
        let setting = try settings.freshSetting()
        let hash = try crypt(phrase, setting: setting)
        guard hash.starts(with: setting.utf8), hash.count == decoy.text.utf8.count else {
            throw UsherError(.internal, cause: "libcrypt: a new hash is not of the scheme that was asked for")
        }
        return PasswordHash(String(decoding: hash, as: UTF8.self))
    }

    public func verify(_ password: borrowing SecretBytes, against hash: PasswordHash) throws(UsherError) -> Bool {
        guard let scheme = StoredScheme(of: hash.text) else {
            throw UsherError(
                .internal, cause: "a stored password hash is of none of the schemes $2a$, $2b$, $2y$, $y$, $7$, $5$, $6$")
        }
        let phrase = try Phrase(password, maxLength: scheme.maxLength)
        let computed = try crypt(phrase, setting: hash.text)
        let stored = Array(hash.text.utf8)
        let setting = stored.dropLast(scheme.digestLength)
        // What libcrypt made under the stored hash's setting has that setting and that length, whatever the password.
        guard computed.count == stored.count, !setting.isEmpty, computed.starts(with: setting) else {
            throw UsherError(.internal, cause: "a stored password hash is damaged: no password could have made it")
        }
        return unsafe CRYPTO_memcmp(computed, stored, stored.count) == 0 && phrase.isWhole
    }

    public func objection(to hash: PasswordHash) -> String? {
        do throws(HashFault) {
            guard let scheme = StoredScheme(of: hash.text) else {
                throw HashFault("A hash must be of one of the schemes $2a$, $2b$, $2y$, $y$, $7$, $5$, $6$.")
            }
            try scheme.check(hash.text)
            return nil
        } catch {
            return error.reason
        }
    }

    public func isOutdated(_ hash: PasswordHash, for password: borrowing SecretBytes) -> Bool {
        !hash.text.utf8.starts(with: prefix.utf8) && password.count <= settings.scheme.maxLength && !password.contains(0)
    }
}

/// What completes a setting to a hash that nobody has a password for.
private func randomDigest(_ scheme: StoredScheme) -> String {
    let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    let random = OpenSSLRandom()
    var digest = (0..<scheme.digestLength).map { _ in alphabet[Int(random.word() & 63)] }
    // The last character of bcrypt's stands for fewer bits than the others: not each can be there, this one can.
    if scheme == .bcrypt { digest[digest.count - 1] = UInt8(ascii: ".") }
    return String(decoding: digest, as: UTF8.self)
}
