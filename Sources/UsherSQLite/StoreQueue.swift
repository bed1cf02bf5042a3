import UsherModel

/// What of the store may be changed while it runs.
struct StoreBounds: Sendable {
    /// How many calls may wait.
    var queue: Int
    /// How long a grace window lasts, in milliseconds.
    var grace: Int64
    /// How long a call may take, in milliseconds.
    var timeout: Int64 = Limits().storeTimeout
}

/// The calls that wait for the store's thread, and those that it has in hand. Each is finished once: by the thread, or when it is given up.
struct StoreQueue: Sendable {
    var bounds: StoreBounds
    private(set) var waiting: [Job] = []
    /// The batch that the thread is at.
    private var inHand: [Slot] = []
    /// When the thread took what it is at; nil while it has nothing to do.
    private var begun: Int64?
    /// Since when the thread has been at something that made calls overdue.
    private(set) var stalledSince: Int64?
    /// Why the last call failed; nil once one has succeeded.
    var failure: String?
    private var isClosing = false
    /// Whether the thread is done, after `close`.
    var hasEnded = false

    init(bounds: StoreBounds) { self.bounds = bounds }

    private struct Slot {
        let job: Job
        /// The caller has gone on without it.
        var isGivenUp = false
        /// Only the commit is missing.
        var isDone = false
    }

    enum Work {
        /// Calls to be carried out; none where only the service time is to be kept.
        case batch([Job])
        /// The thread has come back from a stall that began at that moment.
        case recovered(stalledSince: Int64)
        case end
    }

    /// - Returns: what the call is refused with, if it is.
    mutating func add(_ job: Job) -> UsherError? {
        if isClosing { return UsherError(.shuttingDown) }
        if waiting.count >= bounds.queue { return .busy }
        waiting.append(job)
        return nil
    }

    mutating func close() { isClosing = true }

    // MARK: The thread

    /// What the thread is to do next, nil while there is nothing.
    mutating func take(now: Int64, isServiceDue: Bool) -> Work? {
        begun = nil
        if let since = stalledSince {
            stalledSince = nil
            return .recovered(stalledSince: since)
        }
        guard !waiting.isEmpty || isServiceDue else { return isClosing ? .end : nil }
        let batch = Array(waiting.prefix(Limits.storeBatch))
        waiting.removeFirst(batch.count)
        inHand = batch.map { Slot(job: $0) }
        begun = now
        return .batch(batch)
    }

    /// - Returns: whether the job is still to be carried out.
    func mayBegin(_ index: Int) -> Bool { !inHand[index].isGivenUp }

    /// - Returns: whether what the job has done is to be committed. From then on its outcome is unknown to a caller who gives it up.
    mutating func end(_ index: Int) -> Bool {
        inHand[index].isDone = !inHand[index].isGivenUp
        return inHand[index].isDone
    }

    /// Takes the batch out of hand.
    /// - Returns: the jobs that somebody waits for, and whether any was given up too late to be left out.
    mutating func finish() -> (jobs: [Job], isLate: Bool) {
        defer { inHand = [] }
        return (inHand.filter { !$0.isGivenUp }.map(\.job), inHand.contains { $0.isGivenUp && $0.isDone })
    }

    // MARK: Whoever waits

    /// Takes out what was asked for at `moment` or before.
    mutating func giveUp(since moment: Int64) -> [Job] {
        var overdue: [Job] = []
        for index in inHand.indices where !inHand[index].isGivenUp && inHand[index].job.since <= moment {
            inHand[index].isGivenUp = true
            overdue.append(inHand[index].job)
        }
        let late = waiting.prefix { $0.since <= moment }
        overdue += late
        waiting.removeFirst(late.count)
        if let first = overdue.first, stalledSince == nil { stalledSince = begun ?? first.since }
        return overdue
    }

    /// When the oldest call under way was made; nil if none is.
    var oldest: Int64? { (inHand.first { !$0.isGivenUp }?.job ?? waiting.first)?.since }
}
