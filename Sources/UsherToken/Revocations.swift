import UsherJSON
public import UsherModel

/// What no longer verifies, in memory, for the hot path: by `jti` and by `sid`, each kept until the last token concerned has expired.
///
/// The ids that are issued here are UUIDs and are kept as their 16 bytes; those of tokens made elsewhere may be any text, and are kept
/// as its UTF-8, since strings that Swift takes for equal may differ.
public struct Revocations: Sendable {
    private var uuids: [Key<UUIDv7>: NumericDate] = [:]
    private var others: [Key<[UInt8]>: NumericDate] = [:]

    private struct Key<ID: Hashable & Sendable>: Hashable, Sendable {
        let kind: Revocation.Kind
        let id: ID
    }

    public init() {}

    public var isEmpty: Bool { uuids.isEmpty && others.isEmpty }
    public var count: Int { uuids.count + others.count }

    /// Adds a revocation; of two of the same thing the longer one holds.
    public mutating func insert(_ revocation: Revocation) {
        if let uuid = UUIDv7(parsing: revocation.id) {
            uuids[Key(kind: revocation.kind, id: uuid), default: revocation.until].extend(to: revocation.until)
        } else {
            let id = Array(revocation.id.utf8)
            others[Key(kind: revocation.kind, id: id), default: revocation.until].extend(to: revocation.until)
        }
    }

    public mutating func insert(_ revocations: [Revocation]) {
        for revocation in revocations { insert(revocation) }
    }

    public func contains(_ kind: Revocation.Kind, _ id: String) -> Bool {
        if let uuid = UUIDv7(parsing: id) { return uuids[Key(kind: kind, id: uuid)] != nil }
        return others[Key(kind: kind, id: Array(id.utf8))] != nil
    }

    func contains(_ kind: Revocation.Kind, _ id: JSONValue, in text: Span<UInt8>) -> Bool {
        if !id.isEscaped, let uuid = UUIDv7(parsing: text.extracting(id.content)) {
            return uuids[Key(kind: kind, id: uuid)] != nil
        }
        guard let id = id.string(in: text) else { return false }
        return contains(kind, id)
    }

    /// Forgets what concerns no token any more.
    /// - Parameter moment: now, less the clock tolerance.
    public mutating func purge(before moment: NumericDate) {
        uuids = uuids.filter { $0.value >= moment }
        others = others.filter { $0.value >= moment }
    }
}

extension NumericDate {
    fileprivate mutating func extend(to other: NumericDate) { self = Swift.max(self, other) }
}
