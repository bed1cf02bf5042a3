import UsherModel

/// A stored hash, by the library that computes it.
enum StoredHash {
    case crypt(StoredScheme)
    case pbkdf2(PBKDF2Hash)
    case argon2(Argon2Hash)

    /// - Throws: why no password can be checked against it.
    init(parsing text: String) throws(HashFault) {
        if text.hasPrefix(PBKDF2Hash.prefix) {
            self = .pbkdf2(try PBKDF2Hash(parsing: text))
        } else if Argon2Hash.prefixes.contains(where: text.hasPrefix) {
            self = .argon2(try Argon2Hash(parsing: text))
        } else if let scheme = StoredScheme(of: text) {
            self = .crypt(scheme)
        } else {
            throw HashFault(
                "A hash must be of one of the schemes $2a$, $2b$, $2y$, $y$, $7$, $5$, $6$, $argon2id$, $argon2i$ and pbkdf2_sha256$."
            )
        }
    }

    /// A hash of this setting (`PasswordHash.setting`) that no password matches; nil for a setting that no hash can have.
    static func decoy(of setting: String) -> String? {
        let text =
            if setting.hasPrefix(PBKDF2Hash.prefix) {
                PBKDF2Hash.decoy(setting)
            } else if Argon2Hash.prefixes.contains(where: setting.hasPrefix) {
                Argon2Hash.decoy(setting)
            } else {
                StoredScheme(of: setting)?.decoy(setting)
            }
        guard let text, (try? StoredHash(parsing: text)) != nil else { return nil }
        return text
    }
}
