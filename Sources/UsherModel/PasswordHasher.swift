/// A password's hash in the form of crypt(5), `$y$…` or `$2b$…`. Prints as `<hash>`.
public struct PasswordHash: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// The hash itself, for the hasher and the store alone.
    public let text: String
    public init(_ text: String) { self.text = text }

    /// What of it decides how long a password takes to be checked against it: scheme and cost, without salt. `$y$jBT$`, `$2b$12$`, `$6$`.
    public var setting: String {
        let bytes = text.utf8
        let parts = bytes.split(separator: UInt8(ascii: "$"), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count > 2, parts[0].isEmpty else { return "" }
        let end =
            switch String(parts[1]) {
            // N, r and p, of a fixed length, stand before the salt without a separator.
            case "7": bytes.index(parts[2].startIndex, offsetBy: 11, limitedBy: parts[2].endIndex) ?? parts[2].endIndex
            // Without rounds the salt follows at once.
            case "5" where !parts[2].starts(with: "rounds=".utf8), "6" where !parts[2].starts(with: "rounds=".utf8):
                parts[2].startIndex
            default: parts.count > 3 ? parts[3].startIndex : parts[2].endIndex
            }
        return String(text[..<end])
    }

    public var description: String { "<hash>" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// How new passwords are hashed.
public struct PasswordSettings: Sendable, Equatable {
    public enum Scheme: String, Sendable, CaseIterable {
        case yescrypt
        case bcrypt

        /// The most bytes of a password that the scheme takes into account; more are refused, never cut.
        public var maxLength: Int {
            switch self {
            case .yescrypt: 512
            case .bcrypt: 72
            }
        }

        /// What the cost may be.
        public var costs: ClosedRange<Int> {
            switch self {
            case .yescrypt: 1...11
            case .bcrypt: 4...31
            }
        }

        /// What the cost is where none is set.
        public var usualCost: Int {
            switch self {
            case .yescrypt: 7
            case .bcrypt: 12
            }
        }
    }

    public var scheme: Scheme
    public var cost: Int
    /// Bytes.
    public var minLength: Int

    public init(scheme: Scheme = .yescrypt, cost: Int? = nil, minLength: Int = 8) {
        self.scheme = scheme
        self.cost = cost ?? scheme.usualCost
        self.minLength = minLength
    }

    /// About what one hash takes, in milliseconds: each cost takes twice as long as the one before.
    public var usualMilliseconds: Int64 {
        switch scheme {
        // A shift by less than nothing goes the other way.
        case .yescrypt: 75 << Int64(cost - 7)
        case .bcrypt: 200 << Int64(cost - 12)
        }
    }
}

/// The port to password hashing. Every call blocks for the tens of milliseconds that hashing is meant to take: never on the reactor.
public protocol PasswordHasher: Sendable {
    /// A hash that no password matches: what an unknown user's password is checked against.
    /// - Parameter setting: what it is to have for its `PasswordHash.setting`; nil for that of new hashes, as for one of no scheme that is
    ///   allowed.
    func decoy(like setting: String?) -> PasswordHash
    /// - Throws: `internal` when the library fails.
    func hash(_ password: borrowing SecretBytes) throws(UsherError) -> PasswordHash
    /// Whether `password` is the one behind `hash`. A password with a NUL inside, or longer than the hash's scheme takes into
    /// account, is not, after the same work.
    /// - Throws: `internal` when the hash is of no scheme that is allowed, or the library fails.
    func verify(_ password: borrowing SecretBytes, against hash: PasswordHash) throws(UsherError) -> Bool
    /// What speaks against storing a hash that was made elsewhere, as a sentence that holds nothing of it: a scheme that is not allowed, a
    /// text that no password can have, a cost that would take a worker for more than seconds. Nil if nothing does.
    func objection(to hash: PasswordHash) -> String?
    /// Whether `hash` was made under another scheme or cost than the present one, and `password` can be hashed under that.
    func isOutdated(_ hash: PasswordHash, for password: borrowing SecretBytes) -> Bool
}
