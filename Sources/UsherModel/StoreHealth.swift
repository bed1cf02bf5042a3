/// How the store is, for whoever looks after the daemon.
public enum StoreHealth: Sendable, Equatable {
    /// No call has failed since the last one that succeeded.
    case working
    /// Calls are given up: what is under way has been so since this moment, in monotonic milliseconds.
    case stalled(since: Int64)
    /// Calls fail, for this cause.
    case unavailable(cause: String)
}
