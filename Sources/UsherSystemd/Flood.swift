import UsherModel

/// Failures that repeat themselves: the first few of a kind are logged, the others are counted, and told in one line when their
/// time is over. Bounded, whatever comes.
struct Flood: Sendable {
    private let burst: Int
    /// Milliseconds.
    private let window: Int64
    private let capacity: Int
    private var kinds: [Key: Count] = [:]

    init(burst: Int = Limits.floodBurst, window: Int64 = Limits.floodWindow, capacity: Int = Limits.floodKinds) {
        self.burst = burst
        self.window = window
        self.capacity = capacity
    }

    /// What events have in common that count together.
    private struct Key: Hashable {
        let kind: Event.Kind
        var op: String?
        var result: String?
        var uid: UInt32?
    }

    private struct Count {
        let since: Int64
        var passed = 1
        var held = 0
        var priority: Event.Priority
    }

    enum Verdict {
        case passes
        /// - Parameter isFirst: whether from now on a summary is due.
        case held(isFirst: Bool)
    }

    /// Whether the event is to be logged, or is held back and counted.
    mutating func judge(_ event: Event, at now: Int64) -> Verdict {
        guard event.mayBeHeld else { return .passes }
        let key = key(of: event, at: now)
        guard var count = kinds[key], now - count.since < window || count.held > 0 else {
            kinds[key] = Count(since: now, priority: event.priority)
            return .passes
        }
        defer { kinds[key] = count }
        guard count.passed >= burst else {
            count.passed += 1
            return .passes
        }
        count.held += 1
        count.priority = min(count.priority, event.priority)
        return .held(isFirst: count.held == 1)
    }

    /// With too many at once, all the others of a kind count together.
    private mutating func key(of event: Event, at now: Int64) -> Key {
        let key = Key(kind: event.kind, op: event.op, result: event.result, uid: event.peer?.uid)
        if kinds[key] != nil || kinds.count < capacity { return key }
        kinds = kinds.filter { $0.value.held > 0 || now - $0.value.since < window }
        return kinds.count < capacity ? key : Key(kind: event.kind)
    }

    /// When the first summary is due, in monotonic milliseconds; nil while nothing is held back.
    var due: Int64? { kinds.values.lazy.filter { $0.held > 0 }.map { $0.since }.min().map { $0 + window } }

    /// The summaries that are due, or all that there are.
    mutating func summaries(at now: Int64, all: Bool = false) -> [Event] {
        guard all || due.map({ $0 <= now }) ?? false else { return [] }
        var summaries: [Event] = []
        for (key, count) in kinds where count.held > 0 && (all || now - count.since >= window) {
            kinds[key] = nil
            // Rounded up: a part of a second is not nothing.
            let seconds = max((now - count.since + 999) / 1000, 1)
            var summary = Event(
                .repeated, count.priority, "... and \(count.held.grouped) more like it in \(seconds) s", op: key.op,
                result: key.result)
            summary.peerUID = key.uid
            summary.count = count.held
            summaries.append(summary)
        }
        return summaries
    }
}

extension Event {
    /// Whether it is a failure, a refusal, a limit, or a request that nothing came of, which may come a million times. Who was let in, what was
    /// revoked and which session was ended is told each time; and all is told to those who debug.
    fileprivate var mayBeHeld: Bool {
        guard priority != .debug else { return false }
        switch kind {
        case .register, .login, .refresh, .revoke, .profile, .sessions, .delete, .totp, .password, .recover, .reset, .confirm,
            .userAdded, .userChanged, .userDeleted, .userLoggedOut, .userShown, .roleChanged,
            .verify, .refused, .failure:
            return result != "ok" || isWithoutEffect
        case .limit: return true
        case .ready, .stopping, .stopped, .crashed, .reloaded, .reloadFailed, .refreshReuse, .secondFactorOn, .secondFactorOff,
            .recoveryCode, .imported, .exported, .backedUp, .storeRollback, .storeRecovered,
            .revocationsLost, .hanging, .dropped,
            .repeated, .notice:
            return false
        }
    }
}
