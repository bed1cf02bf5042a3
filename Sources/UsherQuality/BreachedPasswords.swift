public import UsherModel

/// Passwords that attackers have: the first 64 bits of the SHA-1 of each, in order. Beside a million of them, one other password in 10^13 is
/// taken for one of them.
public struct BreachedPasswords: PasswordQuality {
    /// In ascending order.
    private let prefixes: [UInt64]
    /// The bits that the list has of each.
    private let mask: UInt64
    private let hash: any SHA1Hash

    public var count: Int { prefixes.count }

    /// - Parameters:
    ///   - prefixes: in any order, and zero where `mask` is.
    ///   - mask: the leading bits of the hash that are known.
    init(prefixes: [UInt64], mask: UInt64, hash: any SHA1Hash) {
        // Most lists are in order already.
        let isSorted = zip(prefixes, prefixes.dropFirst()).allSatisfy { $0 <= $1 }
        self.prefixes = isSorted ? prefixes : prefixes.sorted()
        self.mask = mask
        self.hash = hash
    }

    public func weakness(of password: borrowing SecretBytes, owner: PasswordOwner) throws(UsherError) -> PasswordWeakness? {
        let prefix = password.withBytes { hash.sha1Prefix(of: $0) } & mask
        var range = prefixes.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if prefixes[middle] == prefix { return .breached }
            range = prefixes[middle] < prefix ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }
}
