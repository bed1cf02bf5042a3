import UsherModel

/// When what attempts have changed in the throttle is written: soon after the first change, so that changes share a commit, and a crash
/// forgets no more than a second.
struct ThrottleWriter {
    private(set) var isWriting = false
    /// When the next write is due, in monotonic milliseconds; nil while nothing has changed, or while one is under way.
    private(set) var due: Int64?
    private var hasWrittenLast = false

    /// Whether nothing more is to be waited for before the daemon ends. What cannot be written then is given up.
    var isDone: Bool { !isWriting && (due == nil || hasWrittenLast) }

    /// - Parameter isLast: whether nothing more will change, so that there is nothing to wait for.
    /// - Returns: whether to write now.
    mutating func begin(hasChanges: Bool, isLast: Bool, at now: Int64) -> Bool {
        guard !isWriting, hasChanges else { return false }
        let moment = due ?? now + Limits.throttleDelay
        due = moment
        guard now >= moment || isLast && !hasWrittenLast else { return false }
        hasWrittenLast = isLast
        due = nil
        isWriting = true
        return true
    }

    mutating func end(isWritten: Bool, at now: Int64) {
        isWriting = false
        due = isWritten ? nil : now + Limits.endRetry
    }
}
