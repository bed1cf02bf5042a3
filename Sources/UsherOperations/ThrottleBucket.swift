import UsherModel

/// How attempts of one kind are counted.
struct ThrottleRule: Sendable {
    /// So many, then no more until time has passed.
    let limit: Int
    let reset: Reset

    enum Reset: Sendable {
        /// All are forgotten so many milliseconds after the first.
        case window(Int64)
        /// Only success ends the row. Past the limit there is one attempt per delay, of this many milliseconds at most.
        case row(maxDelay: Int64)
    }

    static func of(_ kind: ThrottleKey.Kind, _ settings: ThrottleSettings) -> ThrottleRule {
        switch kind {
        case .account:
            ThrottleRule(limit: settings.accountFailures, reset: .row(maxDelay: settings.accountMaxDelay * 1000))
        case .address: ThrottleRule(limit: settings.addressFailures, reset: .window(settings.loginWindow * 1000))
        case .pair: ThrottleRule(limit: settings.loginFailures, reset: .window(settings.loginWindow * 1000))
        case .register: ThrottleRule(limit: settings.registerPerAddress, reset: .window(settings.perAddressWindow * 1000))
        case .recover: ThrottleRule(limit: settings.recoverPerAddress, reset: .window(settings.perAddressWindow * 1000))
        case .request: ThrottleRule(limit: settings.requestsPerMinute, reset: .window(60_000))
        }
    }
}

/// What has been counted by one key. Times are in milliseconds, by a clock that nothing steps.
struct ThrottleBucket: Sendable {
    var count: Int32
    /// When the window began; of a row, when its last attempt was.
    var since: Int64
    /// Tells it from those before it that had the same key.
    let number: UInt32
    /// Whether the store may have it.
    var isStored = false

    /// Whether the limit is reached. Such a bucket is not given up before its time.
    func isFull(_ rule: ThrottleRule) -> Bool { count >= rule.limit }

    /// What is worth keeping: those of more attempts, and of these the newer.
    var weight: Weight { Weight(count: count, since: since) }

    struct Weight: Comparable {
        let count: Int32
        let since: Int64

        static func < (left: Weight, right: Weight) -> Bool {
            left.count != right.count ? left.count < right.count : left.since < right.since
        }
    }

    /// When it counts for nothing any more.
    func end(_ rule: ThrottleRule) -> Int64 {
        switch rule.reset {
        case .window(let length): since + length
        case .row: since + ThrottleSettings.rowMemory * 1000
        }
    }

    /// How long until there may be another attempt; 0: now.
    func wait(_ rule: ThrottleRule, at now: Int64) -> Int64 {
        guard isFull(rule) else { return 0 }
        switch rule.reset {
        case .window: return max(end(rule) - now, 0)
        case .row(let maxDelay):
            // After twenty doublings any delay is the longest.
            let delay = min(ThrottleSettings.firstDelay * 1000 << min(Int64(count) - Int64(rule.limit), 20), maxDelay)
            return max(since + delay - now, 0)
        }
    }

    func allowance(_ rule: ThrottleRule, at now: Int64) -> Allowance {
        let wait = wait(rule, at: now)
        let left =
            switch rule.reset {
            case .window: rule.limit - Int(count)
            // The delay is over: one attempt.
            case .row: max(rule.limit - Int(count), 1)
            }
        return Allowance(
            limit: rule.limit, remaining: wait > 0 ? 0 : max(left, 0), reset: seconds(wait > 0 ? wait : max(end(rule) - now, 0)))
    }
}

/// How many attempts there may be yet: what the RateLimit header fields of HTTP tell.
public struct Allowance: Sendable, Equatable {
    public let limit: Int
    public let remaining: Int
    /// Seconds until all of `limit` are free again, or, where none remains, until one is. 0: all are.
    public let reset: Int

    /// Whether there is less to it than to the other.
    func isTighter(than other: Allowance) -> Bool {
        (remaining, -reset) < (other.remaining, -other.reset)
    }
}

/// Rounded up: whoever comes back after so many is not early.
func seconds(_ milliseconds: Int64) -> Int { Int((milliseconds + 999) / 1000) }
