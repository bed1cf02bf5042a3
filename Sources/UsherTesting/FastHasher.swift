public import UsherModel
import UsherThreads

/// A password hasher that takes no time and protects nothing: `$fast$<cost>$<salt>$<FNV-1a of both>`. Counts its calls.
public final class FastHasher: PasswordHasher {
    /// How often each of the port's slow calls was made.
    public struct Counts: Sendable, Equatable {
        public var hashes = 0
        public var verifications = 0
    }

    /// Passwords that are longer match nothing.
    public static let maxLength = 512

    /// What a hash must have been made under so as not to be outdated.
    public let cost: Int
    private let state = Lock((counts: Counts(), salt: UInt64(0), checked: ""))

    public init(cost: Int = 1) {
        self.cost = cost
    }

    public func decoy(like setting: String?) -> PasswordHash { PasswordHash((setting ?? "$fast$\(cost)$") + "0$decoy") }

    public var counts: Counts { state.withLock { $0.counts } }
    /// The setting of the hash that a password was checked against last.
    public var checked: String { state.withLock { $0.checked } }

    public func hash(_ password: borrowing SecretBytes) throws(UsherError) -> PasswordHash {
        let salt = state.withLock { state in
            state.counts.hashes += 1
            state.salt += 1
            return state.salt
        }
        return PasswordHash("$fast$\(cost)$\(salt)$\(Self.digest(password, salt: salt))")
    }

    public func verify(_ password: borrowing SecretBytes, against hash: PasswordHash) throws(UsherError) -> Bool {
        state.withLock {
            $0.counts.verifications += 1
            $0.checked = hash.setting
        }
        let parts = hash.text.split(separator: "$")
        guard parts.count == 4, parts[0] == "fast", let salt = UInt64(parts[2]) else {
            throw UsherError(.internal, cause: "not a hash of FastHasher")
        }
        let isAcceptable = !password.contains(0) && password.count <= Self.maxLength
        return String(Self.digest(password, salt: salt)) == parts[3] && isAcceptable
    }

    public func objection(to hash: PasswordHash) -> String? {
        hash.text.hasPrefix("$fast$") ? nil : "A hash must be of the scheme $fast$."
    }

    public func isOutdated(_ hash: PasswordHash, for password: borrowing SecretBytes) -> Bool {
        !hash.text.hasPrefix("$fast$\(cost)$")
    }

    private static func digest(_ password: borrowing SecretBytes, salt: UInt64) -> UInt64 {
        password.withBytes { bytes in
            var digest = 0xcbf2_9ce4_8422_2325 ^ salt
            for index in bytes.indices { digest = (digest ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
            return digest
        }
    }
}
