import UsherJSON
public import UsherModel

/// What no longer verifies, in memory, for the hot path: by `jti` and by `sid`, each kept until the last token concerned has expired.
///
/// The ids that are issued here are UUIDs and are kept as their 16 bytes; those of tokens made elsewhere may be any text, and are kept
/// as its UTF-8, since strings that Swift takes for equal may differ.
public struct Revocations: Sendable {
    private var tokens = Table<UUIDv7>()
    private var sessions = Table<UUIDv7>()
    private var otherTokens = Table<[UInt8]>()
    private var otherSessions = Table<[UInt8]>()
    public private(set) var count = 0

    /// The parts that are purged, and grow, each for itself: of a million revocations, one costs less than a millisecond.
    public static let parts = 1_024

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// Adds a revocation; of two of the same thing the longer one holds.
    public mutating func insert(_ revocation: Revocation) {
        let isNew: Bool
        if let uuid = UUIDv7(parsing: revocation.id) {
            switch revocation.kind {
            case .token: isNew = tokens.insert(uuid, until: revocation.until)
            case .session: isNew = sessions.insert(uuid, until: revocation.until)
            }
        } else {
            let id = Array(revocation.id.utf8)
            switch revocation.kind {
            case .token: isNew = otherTokens.insert(id, until: revocation.until)
            case .session: isNew = otherSessions.insert(id, until: revocation.until)
            }
        }
        if isNew { count += 1 }
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
        }
    }

    func contains(_ kind: Revocation.Kind, _ id: JSONValue, in text: Span<UInt8>) -> Bool {
        if !id.isEscaped, let uuid = UUIDv7(parsing: text.extracting(id.content)) { return contains(kind, uuid) }
        guard let id = id.string(in: text) else { return false }
        return contains(kind, id)
    }

    private func contains(_ kind: Revocation.Kind, _ id: UUIDv7) -> Bool {
        switch kind {
        case .token: tokens.contains(id)
        case .session: sessions.contains(id)
        }
    }

    /// Forgets what concerns no token any more, in one of the `parts`.
    /// - Parameter moment: now, less the clock tolerance.
    /// - Returns: whether there was anything to look at.
    public mutating func purge(part: Int, before moment: NumericDate) -> Bool {
        let looked = [
            tokens.purge(part, before: moment), sessions.purge(part, before: moment), otherTokens.purge(part, before: moment),
            otherSessions.purge(part, before: moment),
        ]
        count -= looked.reduce(0) { $0 + $1.gone }
        return looked.contains { $0.seen > 0 }
    }

    /// Ids of one form, in `parts` dictionaries: none is ever so large that to copy it would hold up the reactor.
    private struct Table<ID: PartedID>: Sendable {
        private var parts: [[ID: NumericDate]] = []

        /// - Returns: whether it is new.
        mutating func insert(_ id: ID, until: NumericDate) -> Bool {
            if parts.isEmpty { parts = Array(repeating: [:], count: Revocations.parts) }
            let part = id.part
            let known = parts[part][id]
            if known.map({ $0 < until }) ?? true { parts[part][id] = until }
            return known == nil
        }

        func contains(_ id: ID) -> Bool { !parts.isEmpty && parts[id.part][id] != nil }

        mutating func purge(_ part: Int, before moment: NumericDate) -> (seen: Int, gone: Int) {
            guard !parts.isEmpty else { return (0, 0) }
            let seen = parts[part].count
            if parts[part].values.contains(where: { $0 < moment }) { parts[part] = parts[part].filter { $0.value >= moment } }
            return (seen, seen - parts[part].count)
        }
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
