import UsherJSON
public import UsherModel

/// What no longer verifies, in memory, for the hot path: by `jti`, by `sid`, and by `sub` and version, each kept until the last token
/// concerned has expired.
///
/// The ids that are issued here are UUIDs and are kept as their 16 bytes; those of tokens made elsewhere may be any text, and are kept
/// as its UTF-8, since strings that Swift takes for equal may differ.
public struct Revocations: Sendable {
    private var tokens = Table<UUIDv7, NumericDate>()
    private var sessions = Table<UUIDv7, NumericDate>()
    private var otherTokens = Table<[UInt8], NumericDate>()
    private var otherSessions = Table<[UInt8], NumericDate>()
    private var users = Table<UUIDv7, NeededVersion>()
    private var userCount = 0
    /// By the bytes of their names.
    private var roles: [[UInt8]: NeededVersion] = [:]
    /// The newest version that tokens of any role must have: one that has it need not be looked at.
    private(set) var rolesVersion: Int64 = 0
    public private(set) var count = 0

    /// The parts that are purged, and grow, each for itself: of a million revocations, one costs less than a millisecond.
    public static let parts = 1_024

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// Whether any is of a user.
    public var hasUsers: Bool { userCount > 0 }

    /// Adds a revocation; of two of the same thing the longer one holds, and the newer version.
    public mutating func insert(_ revocation: Revocation) {
        if revocation.kind == .role { return insertRole(revocation) }
        let isNew: Bool
        if let uuid = UUIDv7(parsing: revocation.id) {
            switch revocation.kind {
            case .token: isNew = tokens.insert(uuid, revocation.until)
            case .session: isNew = sessions.insert(uuid, revocation.until)
            case .user:
                isNew = users.insert(uuid, NeededVersion(until: revocation.until, version: revocation.version))
                if isNew { userCount += 1 }
            case .role: return
            }
        } else {
            let id = Array(revocation.id.utf8)
            switch revocation.kind {
            case .token: isNew = otherTokens.insert(id, revocation.until)
            case .session: isNew = otherSessions.insert(id, revocation.until)
            // The store gives every user a UUID.
            case .user, .role: return
            }
        }
        if isNew { count += 1 }
    }

    private mutating func insertRole(_ revocation: Revocation) {
        let (name, needed) = (Array(revocation.id.utf8), NeededVersion(until: revocation.until, version: revocation.version))
        let known = roles.updateValue(roles[name]?.merged(with: needed) ?? needed, forKey: name)
        rolesVersion = max(rolesVersion, revocation.version)
        if known == nil { count += 1 }
    }

    public mutating func insert(_ revocations: [Revocation]) {
        for revocation in revocations { insert(revocation) }
    }

    public func contains(_ kind: Revocation.Kind, _ id: String) -> Bool {
        if let uuid = UUIDv7(parsing: id) { return contains(kind, uuid) }
        let id = Array(id.utf8)
        return switch kind {
        case .token: otherTokens.contains(id)
        case .session: otherSessions.contains(id)
        case .user, .role: false
        }
    }

    func contains(_ kind: Revocation.Kind, _ id: JSONValue, in text: Span<UInt8>) -> Bool {
        if !id.isEscaped, let uuid = UUIDv7(parsing: text.extracting(id.content)) { return contains(kind, uuid) }
        guard let id = id.string(in: text) else { return false }
        return contains(kind, id)
    }

    public func contains(_ kind: Revocation.Kind, _ id: UUIDv7) -> Bool {
        switch kind {
        case .token: tokens.contains(id)
        case .session: sessions.contains(id)
        case .user: users.contains(id)
        case .role: false
        }
    }

    /// The least version that a user's tokens must have; nil if any will do.
    func version(of user: JSONValue, in text: Span<UInt8>) -> Int64? {
        let id =
            user.isEscaped
            ? user.string(in: text).flatMap { UUIDv7(parsing: $0) } : UUIDv7(parsing: text.extracting(user.content))
        return id.flatMap { version(of: $0) }
    }

    public func version(of user: UUIDv7) -> Int64? { users[user]?.version }

    /// The least version that the tokens of a role must have; nil if any will do.
    func version(ofRole role: JSONValue, in text: Span<UInt8>) -> Int64? { roles[role.bytes(in: text)]?.version }

    /// Forgets what concerns no token any more, in one of the `parts`.
    /// - Parameter moment: now, less the clock tolerance.
    /// - Returns: whether there was anything to look at.
    public mutating func purge(part: Int, before moment: NumericDate) -> Bool {
        let looked = [
            users.purge(part, before: moment), tokens.purge(part, before: moment), sessions.purge(part, before: moment),
            otherTokens.purge(part, before: moment), otherSessions.purge(part, before: moment),
        ]
        userCount -= looked[0].gone
        if part == 0 { purgeRoles(before: moment) }
        count -= looked.reduce(0) { $0 + $1.gone }
        return looked.contains { $0.seen > 0 }
    }

    private mutating func purgeRoles(before moment: NumericDate) {
        count -= roles.count
        roles = roles.filter { $0.value.until >= moment }
        count += roles.count
        rolesVersion = roles.values.reduce(0) { max($0, $1.version) }
    }

    /// Ids of one form, in `parts` dictionaries: none is ever so large that to copy it would hold up the reactor.
    private struct Table<ID: PartedID, Entry: RevocationEntry>: Sendable {
        private var parts: [[ID: Entry]] = []

        /// - Returns: whether it is new.
        mutating func insert(_ id: ID, _ entry: Entry) -> Bool {
            if parts.isEmpty { parts = Array(repeating: [:], count: Revocations.parts) }
            let part = id.part
            let known = parts[part][id]
            parts[part][id] = known?.merged(with: entry) ?? entry
            return known == nil
        }

        func contains(_ id: ID) -> Bool { self[id] != nil }

        subscript(_ id: ID) -> Entry? { parts.isEmpty ? nil : parts[id.part][id] }

        mutating func purge(_ part: Int, before moment: NumericDate) -> (seen: Int, gone: Int) {
            guard !parts.isEmpty else { return (0, 0) }
            let seen = parts[part].count
            if parts[part].values.contains(where: { $0.until < moment }) {
                parts[part] = parts[part].filter { $0.value.until >= moment }
            }
            return (seen, seen - parts[part].count)
        }
    }
}

/// What is kept of a revocation.
private protocol RevocationEntry: Sendable {
    var until: NumericDate { get }
    /// What holds of two.
    func merged(with other: Self) -> Self
}

extension NumericDate: RevocationEntry {
    fileprivate var until: NumericDate { self }
    fileprivate func merged(with other: NumericDate) -> NumericDate { Swift.max(self, other) }
}

/// Which version of an account its tokens must have.
private struct NeededVersion: RevocationEntry {
    let until: NumericDate
    let version: Int64

    func merged(with other: NeededVersion) -> NeededVersion {
        NeededVersion(until: max(until, other.until), version: max(version, other.version))
    }
}

/// An id that knows in which of the `Revocations.parts` it is.
private protocol PartedID: Hashable, Sendable {
    var part: Int { get }
}

extension UUIDv7: PartedID {
    /// By bits that are random, or count, in every version of UUID.
    fileprivate var part: Int {
        let mixed = high ^ low
        return Int(truncatingIfNeeded: (mixed ^ mixed >> 32) % UInt64(Revocations.parts))
    }
}

extension [UInt8]: PartedID {
    fileprivate var part: Int { Int(UInt(bitPattern: hashValue) % UInt(Revocations.parts)) }
}
