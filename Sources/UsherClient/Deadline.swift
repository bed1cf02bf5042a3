/// Until when something is waited for.
struct Deadline {
    private let end: ContinuousClock.Instant?

    static let never = Deadline(end: nil)

    private init(end: ContinuousClock.Instant?) { self.end = end }

    init(after duration: Duration) { end = .now + duration }

    var isOver: Bool { end.map { $0 <= .now } ?? false }

    /// How long to wait before looking again, in milliseconds: short, so that a cancelled task is noticed.
    var step: Int32 {
        let most: Int32 = 50
        guard let end else { return most }
        let left = ContinuousClock.Instant.now.duration(to: end)
        guard left < .milliseconds(most) else { return most }
        // A fraction of a millisecond is one, or the last of them would be spent turning round.
        return max(Int32(left / .milliseconds(1)) + 1, 0)
    }
}
