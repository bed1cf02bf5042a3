import UsherModel

/// Counts attempts, and refuses those beyond a limit. Bounded, without a clock, and nothing in it takes long: what holds for all buckets is
/// done in parts.
///
/// An attempt counts from the moment it is let in, so that of any number at once no more get through than may. What turns out not to count
/// is given back.
struct Throttle: Sendable {
    private var rules: [ThrottleRule]
    private let capacityOfPart: Int
    /// Those of LOGIN first, then those of what costs no password hash: each has room of its own.
    private var parts: [Part]
    private let loginParts: Int
    /// The parts with changes, each once.
    private var changedParts: [Int] = []
    private var nextNumber: UInt32 = 0

    private struct Part: Sendable {
        var buckets: [ThrottleKey: ThrottleBucket] = [:]
        /// Keys of which the store does not have the present state.
        var changed: Set<ThrottleKey> = []
        var isListed = false
    }

    /// How many buckets a part has room for, about: to look at all of them takes some microseconds.
    private static let usualPart = 1_000
    /// One part for other operations for so many of LOGIN.
    private static let othersShare = 8

    init(_ settings: ThrottleSettings) {
        rules = Self.rules(settings)
        let count = max(settings.buckets / Self.usualPart, 1)
        loginParts = count
        parts = Array(repeating: Part(), count: count + max(count / Self.othersShare, 1))
        capacityOfPart = max(settings.buckets / count, 1)
    }

    private static func rules(_ settings: ThrottleSettings) -> [ThrottleRule] {
        ThrottleKey.Kind.allCases.map { ThrottleRule.of($0, settings) }
    }

    /// From now on these limits hold, for what was counted before, too. How many buckets there may be stays as it is.
    mutating func adopt(_ settings: ThrottleSettings) { rules = Self.rules(settings) }

    /// How many buckets there are.
    var count: Int { parts.reduce(0) { $0 + $1.buckets.count } }

    // MARK: Attempts

    /// An attempt that was let in.
    struct Reservation: Sendable {
        fileprivate var entries: [Entry] = []

        fileprivate struct Entry: Sendable {
            let key: ThrottleKey
            let number: UInt32
            /// When a row had its attempt before this one, and when it has this one.
            let before: Int64
            let at: Int64
        }
    }

    struct Refusal: Error, Sendable, Equatable {
        /// Milliseconds until it is worth coming again.
        let wait: Int64
        /// What has reached its limit; nil if all buckets there can be have.
        let kind: ThrottleKey.Kind?
        let allowance: Allowance
    }

    /// Counts an attempt by all of the keys, or by none.
    mutating func reserve(_ keys: [ThrottleKey], at now: Int64) throws(Refusal) -> Reservation {
        var refusal: Refusal?
        for key in keys {
            guard let bucket = bucket(key, at: now) else { continue }
            let wait = bucket.wait(rule(key), at: now)
            guard wait > refusal?.wait ?? 0 else { continue }
            refusal = Refusal(wait: wait, kind: key.kind, allowance: bucket.allowance(rule(key), at: now))
        }
        if let refusal { throw refusal }
        var reservation = Reservation()
        for key in keys {
            if let wait = makeRoom(for: key, at: now) {
                refund(reservation)
                throw Refusal(
                    wait: wait, kind: nil, allowance: Allowance(limit: rule(key).limit, remaining: 0, reset: seconds(wait)))
            }
            reservation.entries.append(count(key, at: now))
        }
        return reservation
    }

    private mutating func count(_ key: ThrottleKey, at now: Int64) -> Reservation.Entry {
        let part = part(of: key)
        var bucket = bucket(key, at: now) ?? begin(key, at: now)
        let entry = Reservation.Entry(key: key, number: bucket.number, before: bucket.since, at: now)
        bucket.count += 1
        if case .row = rule(key).reset { bucket.since = now }
        parts[part].buckets[key] = bucket
        note(key, in: part)
        return entry
    }

    /// Gives back what an attempt was counted by, or some kinds of it, as if it had not been.
    mutating func refund(_ reservation: Reservation, _ kinds: Set<ThrottleKey.Kind> = Set(ThrottleKey.Kind.allCases)) {
        for entry in reservation.entries where kinds.contains(entry.key.kind) {
            let part = part(of: entry.key)
            // Another bucket by now has not counted it.
            guard var bucket = parts[part].buckets[entry.key], bucket.number == entry.number else { continue }
            bucket.count -= 1
            if case .row = rule(entry.key).reset, bucket.since == entry.at { bucket.since = entry.before }
            if bucket.count == 0 {
                remove(entry.key, in: part)
            } else {
                parts[part].buckets[entry.key] = bucket
                note(entry.key, in: part)
            }
        }
    }

    /// Forgets what was counted by a key.
    mutating func clear(_ key: ThrottleKey) { remove(key, in: part(of: key)) }

    /// Forgets, in one of the `partCount` parts, all that was counted of an account.
    mutating func clear(_ subject: UUIDv7, part: Int) {
        for key in parts[part].buckets.keys where key.kind == .pair || key.kind == .account {
            if key.subject == subject { remove(key, in: part) }
        }
    }

    /// What there is left by the tightest of the keys; nil for no keys.
    func allowance(_ keys: [ThrottleKey], at now: Int64) -> Allowance? {
        var tightest: Allowance?
        for key in keys {
            let limit = rule(key).limit
            let allowance =
                bucket(key, at: now)?.allowance(rule(key), at: now) ?? Allowance(limit: limit, remaining: limit, reset: 0)
            if tightest.map({ allowance.isTighter(than: $0) }) ?? true { tightest = allowance }
        }
        return tightest
    }

    // MARK: Room

    /// Sees to it that there is room for a bucket of this key in its part: what is over goes first, then an eighth of those that may give way,
    /// those of the lowest count and the oldest of these before the others. So an attempt seldom pays for it.
    /// - Returns: if none may, the milliseconds until the first is over. No full bucket of LOGIN ever gives way: an attempt that could not be
    ///   counted is not let in. Of other operations they do: to fill them costs next to nothing, and must keep nobody out.
    private mutating func makeRoom(for key: ThrottleKey, at now: Int64) -> Int64? {
        let part = part(of: key)
        guard parts[part].buckets[key] == nil, parts[part].buckets.count >= capacityOfPart else { return nil }
        if purge(part: part, at: now), parts[part].buckets.count < capacityOfPart { return nil }
        let buckets = parts[part].buckets
        let weights = buckets.compactMap { mayGiveWay($0.key, $0.value) ? $0.value.weight : nil }.sorted()
        guard !weights.isEmpty else { return buckets.map { $0.value.end(rule($0.key)) - now }.min() }
        let count = min(max(capacityOfPart / 8, 1), weights.count)
        let weak = buckets.filter { mayGiveWay($0.key, $0.value) && $0.value.weight <= weights[count - 1] }
        for key in weak.keys.prefix(count) { remove(key, in: part) }
        return nil
    }

    private func mayGiveWay(_ key: ThrottleKey, _ bucket: ThrottleBucket) -> Bool {
        !key.kind.isOfLogin || !bucket.isFull(rule(key))
    }

    /// The parts that are purged, and cleared, each for itself.
    var partCount: Int { parts.count }

    /// Forgets what is over, in one of the parts.
    /// - Returns: whether there was anything to look at.
    @discardableResult
    mutating func purge(part: Int, at now: Int64) -> Bool {
        guard !parts[part].buckets.isEmpty else { return false }
        for (key, bucket) in parts[part].buckets where bucket.end(rule(key)) <= now { remove(key, in: part) }
        // An empty dictionary keeps its memory.
        if parts[part].buckets.isEmpty { parts[part].buckets = [:] }
        return true
    }

    // MARK: What the store has to know

    var hasChanges: Bool { !changedParts.isEmpty }

    /// Takes what the store does not have yet, at most so many records.
    mutating func takeChanges(most: Int, at now: Int64) -> [ThrottleRecord] {
        var records: [ThrottleRecord] = []
        while records.count < most, let part = changedParts.last {
            for key in parts[part].changed.prefix(most - records.count) {
                parts[part].changed.remove(key)
                let bucket = parts[part].buckets[key]
                if bucket != nil { parts[part].buckets[key]?.isStored = true }
                records.append(
                    ThrottleRecord(key: key, count: Int(bucket?.count ?? 0), age: bucket.map { now - $0.since } ?? 0))
            }
            guard parts[part].changed.isEmpty else { break }
            parts[part].changed = []
            parts[part].isListed = false
            changedParts.removeLast()
        }
        return records
    }

    /// The store failed to take these: they are to be taken again.
    mutating func putBack(_ records: [ThrottleRecord]) {
        for record in records {
            let part = part(of: record.key)
            parts[part].buckets[record.key]?.isStored = true
            note(record.key, in: part)
        }
    }

    /// Goes on with what another process has counted. More than there is room for is taken if it is full.
    mutating func restore(_ records: [ThrottleRecord], at now: Int64) {
        for record in records {
            let part = part(of: record.key)
            _ = makeRoom(for: record.key, at: now)
            var bucket = begin(record.key, at: now - record.age)
            bucket.count = Int32(clamping: record.count)
            bucket.isStored = true
            parts[part].buckets[record.key] = bucket
        }
    }

    // MARK: Buckets

    private func rule(_ key: ThrottleKey) -> ThrottleRule { rules[key.kind.rawValue] }

    private func part(of key: ThrottleKey) -> Int {
        let hash = UInt(bitPattern: key.hashValue)
        return key.kind.isOfLogin
            ? Int(hash % UInt(loginParts)) : loginParts + Int(hash % UInt(parts.count - loginParts))
    }

    private func bucket(_ key: ThrottleKey, at now: Int64) -> ThrottleBucket? {
        parts[part(of: key)].buckets[key].flatMap { $0.end(rule(key)) > now ? $0 : nil }
    }

    private mutating func begin(_ key: ThrottleKey, at now: Int64) -> ThrottleBucket {
        nextNumber &+= 1
        // What is over, or was removed, may still be in the store.
        let part = parts[part(of: key)]
        let isStored = part.buckets[key]?.isStored ?? part.changed.contains(key)
        return ThrottleBucket(count: 0, since: now, number: nextNumber, isStored: isStored)
    }

    private mutating func remove(_ key: ThrottleKey, in part: Int) {
        guard let bucket = parts[part].buckets.removeValue(forKey: key) else { return }
        if bucket.isStored { note(key, in: part) } else { parts[part].changed.remove(key) }
    }

    private mutating func note(_ key: ThrottleKey, in part: Int) {
        guard key.kind.outlivesProcess else { return }
        parts[part].changed.insert(key)
        guard !parts[part].isListed else { return }
        parts[part].isListed = true
        changedParts.append(part)
    }
}
