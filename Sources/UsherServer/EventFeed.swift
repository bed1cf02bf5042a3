import UsherModel
import UsherThreads

/// Events on their way from the thread that logs them to the reactor, as lines. Bounded: what finds it full is dropped and counted.
final class EventFeed: Sendable {
    private struct Waiting: Sendable {
        var lines: [UInt8] = []
        var dropped = 0
    }

    private let waiting = Lock(Waiting())
    private let clock: any Clock

    init(clock: any Clock) { self.clock = clock }

    /// - Returns: whether it was empty, so that somebody must be told to `take`.
    func add(_ event: Event) -> Bool {
        let line = event.line(at: clock.now())
        return waiting.withLock { waiting in
            guard waiting.lines.count + line.count <= Limits.watchedBytes else {
                waiting.dropped += 1
                return false
            }
            defer { waiting.lines += line }
            return waiting.lines.isEmpty
        }
    }

    /// All that wait, as lines; empty if there is nothing.
    func take() -> [UInt8] {
        let taken = waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return waiting
        }
        guard taken.dropped > 0 else { return taken.lines }
        let remark = Event(.dropped, .warning, "\(taken.dropped) events were not shown: the daemon was too busy")
        return taken.lines + remark.line(at: clock.now())
    }
}
