import COpenSSL
public import UsherModel

/// Password hashing: new hashes by libcrypt, as the settings have them; stored ones of every kind in `StoredHash`.
///
/// The work of a stored hash is what its own cost says. `objection` bounds it: it is to be asked before a hash from elsewhere is stored.
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
        decoy = PasswordHash(setting + scheme.digestSeparator + scheme.randomDigest())
    }

    public func decoy(like setting: String?) -> PasswordHash {
        guard let setting, setting != prefix, let text = StoredHash.decoy(of: setting) else { return decoy }
        return PasswordHash(text)
    }

    /// - Throws: `internal` when the library fails; `weak_password` for a password that the caller should have refused: with a
    ///   NUL inside, or longer than the scheme takes into account.
    public func hash(_ password: borrowing SecretBytes) throws(UsherError) -> PasswordHash {
        guard !password.contains(0) else { throw .weakPassword(.nul) }
        let phrase = try Phrase(password, maxLength: settings.scheme.maxLength)
        guard phrase.isWhole else { throw .weakPassword(.tooLong(atMost: settings.scheme.maxLength)) }
        let setting = try settings.freshSetting()
        let hash = try crypt(phrase, setting: setting)
        guard hash.starts(with: setting.utf8), hash.count == decoy.text.utf8.count else {
            throw UsherError(.internal, cause: "libcrypt: a new hash is not of the scheme that was asked for")
        }
        return PasswordHash(String(decoding: hash, as: UTF8.self))
    }

    public func verify(_ password: borrowing SecretBytes, against hash: PasswordHash) throws(UsherError) -> Bool {
        let stored: StoredHash
        do throws(HashFault) {
            stored = try StoredHash(parsing: hash.text)
        } catch {
            throw UsherError(.internal, cause: "a stored password hash cannot be used: \(error.reason)")
        }
        // The others take every byte into account; the limits are those of all passwords.
        let isWhole = password.count <= Phrase.maxLength && !password.contains(0)
        return switch stored {
        case .crypt(let scheme): try verify(password, hash, scheme)
        case .pbkdf2(let hash): try hash.isMatch(password) && isWhole
        case .argon2(let hash): try hash.isMatch(password) && isWhole
        }
    }

    private func verify(
        _ password: borrowing SecretBytes, _ hash: PasswordHash, _ scheme: StoredScheme
    ) throws(UsherError) -> Bool {
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
            switch try StoredHash(parsing: hash.text) {
            case .crypt(let scheme): try scheme.check(hash.text)
            case .pbkdf2, .argon2: break
            }
            return nil
        } catch {
            return error.reason
        }
    }

    public func isOutdated(_ hash: PasswordHash, for password: borrowing SecretBytes) -> Bool {
        !hash.text.utf8.starts(with: prefix.utf8) && password.count <= settings.scheme.maxLength && !password.contains(0)
    }
}
