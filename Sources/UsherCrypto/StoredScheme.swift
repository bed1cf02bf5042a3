/// The hash schemes of crypt(5) that stored hashes may be of, as libcrypt computes them. An allow-list, asked before libcrypt is: crypt_r(3) takes what it
/// does not recognise for DES, which hashes 8 characters with a salt of 12 bits.
enum StoredScheme: CaseIterable {
    case bcrypt, yescrypt, scrypt, sha256, sha512

    private var prefixes: [String] {
        switch self {
        case .bcrypt: ["$2a$", "$2b$", "$2y$"]
        case .yescrypt: ["$y$"]
        case .scrypt: ["$7$"]
        case .sha256: ["$5$"]
        case .sha512: ["$6$"]
        }
    }

    /// Nil for a hash of any other scheme.
    init?(of hash: String) {
        guard let scheme = Self.allCases.first(where: { $0.prefixes.contains { hash.utf8.starts(with: $0.utf8) } }) else {
            return nil
        }
        self = scheme
    }

    /// The characters of the hash proper; the setting is all that stands before.
    var digestLength: Int {
        switch self {
        case .bcrypt: 31
        case .yescrypt, .scrypt, .sha256: 43
        case .sha512: 86
        }
    }

    /// What stands between the salt and the hash proper.
    var digestSeparator: String {
        switch self {
        case .bcrypt: ""
        case .yescrypt, .scrypt, .sha256, .sha512: "$"
        }
    }

    /// A salt that each scheme takes as it is: of the usual length, all bits zero.
    var plainSalt: String {
        switch self {
        case .bcrypt, .yescrypt, .scrypt: String(repeating: ".", count: 22)
        case .sha256, .sha512: String(repeating: ".", count: 16)
        }
    }

    /// A hash of this setting that nobody has a password for.
    func decoy(_ setting: String) -> String { setting + plainSalt + digestSeparator + randomDigest() }

    /// What completes a setting to such a hash.
    func randomDigest() -> String {
        let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        var digest = HashText.random(count: digestLength).map { alphabet[Int($0 & 63)] }
        // The last character of bcrypt's stands for fewer bits than the others: not each can be there, this one can.
        if self == .bcrypt { digest[digest.count - 1] = UInt8(ascii: ".") }
        return String(decoding: digest, as: UTF8.self)
    }

    /// The most bytes of a password that count.
    var maxLength: Int {
        switch self {
        case .bcrypt: 72
        case .yescrypt, .scrypt, .sha256, .sha512: Phrase.maxLength
        }
    }
}
