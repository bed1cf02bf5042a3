public import UsherModel
import UsherThreads

/// Keeps the events that it is given.
public final class RecordingLog: EventLog {
    public let threshold: Event.Priority
    private let recorded = Mailbox<[Event]>([])
    private let watcher = Lock<(@Sendable (Event) -> Void)?>(nil)

    public init(threshold: Event.Priority = .debug) { self.threshold = threshold }

    public var events: [Event] { recorded.withLock { $0 } }

    public func record(_ event: Event) {
        recorded.changeForAll { $0.append(event) }
        watcher.withLock { $0 }?(event)
    }

    public func watch(_ watcher: (@Sendable (Event) -> Void)?) { self.watcher.withLock { $0 = watcher } }
    public var isWatched: Bool { watcher.withLock { $0 != nil } }

    /// The events of one kind.
    public func events(_ kind: Event.Kind) -> [Event] { events.filter { $0.kind == kind } }

    /// Forgets what was recorded.
    public func clear() { recorded.withLock { $0 = [] } }

    /// Blocks until an event of this kind has been recorded, for at most ten seconds.
    public func wait(for kind: Event.Kind) -> Event? {
        recorded.wait(atMost: 10_000) { events in events.first { $0.kind == kind } }
    }
}
