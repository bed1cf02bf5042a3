import Synchronization
public import UsherModel
import UsherThreads

/// The log of events: journald under systemd, standard error elsewhere. One thread writes what waits in a bounded queue, so that
/// a journal that stalls stalls nobody else; what finds the queue full is dropped, counted and told. Failures that repeat themselves
/// are summarised (`Flood`).
///
/// It lasts until `close`: letting go of it does not end its thread. The process must ignore SIGPIPE: standard error may be a
/// pipe whose reader has gone.
public final class Journal: EventLog {
    /// An atomic: the reactor looks at it for each request.
    private let leastPriority: Atomic<Int>
    private let capacity: Int
    private let clock: any Clock
    private let queue: Mailbox<EventQueue>
    private let thread: Thread

    /// - Parameter threshold: the least important events that are logged.
    public convenience init(threshold: Event.Priority, clock: any Clock, destination: Destination = .detected()) {
        let sink: any EventSink =
            switch destination {
            case .journal: JournaldSink()
            case .standardError: LineSink(descriptor: 2)
            }
        self.init(threshold: threshold, capacity: Limits.journalQueue, clock: clock, sink: sink)
    }

    init(threshold: Event.Priority, capacity: Int, clock: any Clock, flood: Flood = Flood(), sink: any EventSink) {
        leastPriority = Atomic(threshold.rawValue)
        self.capacity = capacity
        self.clock = clock
        let queue = Mailbox(EventQueue(flood: flood))
        self.queue = queue
        thread = Thread(name: "usher-journal") { writeEvents(of: queue, to: sink, clock) }
    }

    /// The least important events that are logged.
    public var threshold: Event.Priority {
        get { Event.Priority(rawValue: leastPriority.load(ordering: .relaxed)) ?? .debug }
        set { leastPriority.store(newValue.rawValue, ordering: .relaxed) }
    }

    public func record(_ event: Event) {
        guard event.priority <= threshold else { return }
        let now = clock.monotonicMilliseconds()
        // What is only counted wakes nobody but for the first, whose summary will be due.
        if queue.withLock({ $0.add(event, capacity: capacity, at: now) }) { queue.wake() }
    }

    public func watch(_ watcher: (@Sendable (Event) -> Void)?) { queue.withLock { $0.watcher = watcher } }

    /// Takes no more events, and writes those that wait, for at most `timeoutMilliseconds`: then gives up, where the journal
    /// stalls.
    /// - Returns: whether all were written, or at least handed over.
    @discardableResult
    public func close(timeoutMilliseconds: Int64) -> Bool {
        queue.changeForAll { $0.isClosed = true }
        let hasEnded = queue.wait(atMost: timeoutMilliseconds) { $0.hasEnded ? true : nil } ?? false
        let (joins, isComplete) = queue.withLock { queue in
            if !hasEnded { queue.isAbandoned = true }
            defer { queue.isJoined = hasEnded }
            return (hasEnded && !queue.isJoined, hasEnded && !queue.isAbandoned)
        }
        // A thread that is stuck in a write cannot be waited for; it ends with the process.
        if joins { thread.join() }
        return isComplete
    }
}

/// What waits for the journal's thread.
private struct EventQueue: Sendable {
    private var flood: Flood
    private var waiting: [Event] = []
    /// Events that the thread has taken and not yet written: they count, or the bound would be twice what it says.
    private var inHand = 0
    private var dropped = 0
    /// Who is given what is written, too.
    var watcher: (@Sendable (Event) -> Void)?
    var isClosed = false
    /// Nobody waits for the rest any more.
    var isAbandoned = false
    var hasEnded = false
    var isJoined = false

    init(flood: Flood) { self.flood = flood }

    enum Work {
        /// Events to write, how many were dropped behind them, and who watches.
        case write([Event], dropped: Int, watcher: (@Sendable (Event) -> Void)?)
        /// Nothing now, but a summary at that moment, in monotonic milliseconds.
        case pause(until: Int64)
        case end
    }

    /// - Returns: whether there is something for the thread to do, now or later.
    mutating func add(_ event: Event, capacity: Int, at now: Int64) -> Bool {
        guard !isClosed else { return false }
        // First, so that nothing is added to those whose time is over.
        let summaries = flood.summaries(at: now)
        waiting += summaries
        switch flood.judge(event, at: now) {
        case .held(let isFirst): return isFirst || !summaries.isEmpty
        case .passes: break
        }
        if waiting.count + inHand < capacity { waiting.append(event) } else { dropped += 1 }
        return true
    }

    /// Nil while there is nothing to do.
    mutating func take(at now: Int64) -> Work? {
        waiting += flood.summaries(at: now, all: isClosed)
        if !waiting.isEmpty || dropped > 0 {
            defer { (inHand, waiting, dropped) = (waiting.count, [], 0) }
            return .write(waiting, dropped: dropped, watcher: watcher)
        }
        return isClosed ? .end : flood.due.map { .pause(until: $0) }
    }

    /// - Returns: whether to go on.
    mutating func wroteOne() -> Bool {
        inHand -= 1
        return !isAbandoned
    }
}

/// The life of the journal's thread.
private func writeEvents(of queue: Mailbox<EventQueue>, to sink: any EventSink, _ clock: any Clock) {
    defer { queue.changeForAll { $0.hasEnded = true } }
    var dropped = 0
    var failed = 0
    while case .write(let events, let more, let watcher) = nextWork(of: queue, clock) {
        for event in events {
            // First: the sink may stall.
            watcher?(event)
            if !sink.write(event) { failed += 1 }
            guard queue.withLock({ $0.wroteOne() }) else { return }
        }
        dropped += more
        // What cannot be told now is told with the next events.
        if tell(dropped, "events were dropped: the journal did not keep up", sink, watcher) { dropped = 0 }
        if tell(failed, "events were lost: the journal did not take them", sink, watcher) { failed = 0 }
    }
}

/// Blocks until there is something to do.
private func nextWork(of queue: Mailbox<EventQueue>, _ clock: any Clock) -> EventQueue.Work {
    let take = { (queue: inout EventQueue) in queue.take(at: clock.monotonicMilliseconds()) }
    var work = queue.wait(take)
    while case .pause(let due) = work {
        let sooner = queue.wait(atMost: due - clock.monotonicMilliseconds()) { queue -> EventQueue.Work? in
            let work = take(&queue)
            if case .pause(let other) = work, other >= due { return nil }
            return work
        }
        work = sooner ?? queue.wait(take)
    }
    return work
}

private func tell(_ count: Int, _ what: String, _ sink: any EventSink, _ watcher: (@Sendable (Event) -> Void)?) -> Bool {
    guard count > 0 else { return false }
    let event = Event(.dropped, .warning, "\(count) \(what)")
    let isWritten = sink.write(event)
    if isWritten { watcher?(event) }
    return isWritten
}
