/// Shared state that threads wait on: a lock with a condition. The queues of the daemon (store, hash pool, journal) are states of
/// their own behind one.
public final class Mailbox<State: Sendable>: Sendable {
    @usableFromInline let state: Lock<State>
    private let changed = Condition()

    public init(_ state: State) { self.state = Lock(state) }

    /// Looks at the state, or changes it in a way that nobody waits for.
    @inlinable public func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        try state.withLock(body)
    }

    /// Changes the state and wakes one waiting thread.
    public func change<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        defer { changed.signal() }
        return try state.withLock(body)
    }

    /// Wakes one waiting thread, after a change of which only some are worth that.
    public func wake() { changed.signal() }

    /// Changes the state and wakes every waiting thread.
    public func changeForAll<R>(_ body: (inout State) -> R) -> R {
        defer { changed.broadcast() }
        return state.withLock(body)
    }

    /// Blocks until `ready` gives something.
    public func wait<R>(_ ready: (inout State) -> R?) -> R {
        while true {
            if let result = state.wait(for: changed, atMost: nil, ready) { return result }
        }
    }

    /// Blocks until `ready` gives something, or for `milliseconds`.
    public func wait<R>(atMost milliseconds: Int64, _ ready: (inout State) -> R?) -> R? {
        state.wait(for: changed, atMost: milliseconds, ready)
    }
}
