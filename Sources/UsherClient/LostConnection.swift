/// Why there is no reply. Whether a request that had been sent was carried out is not known then.
public struct LostConnection: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        /// No connection could be made: nothing was sent.
        case unreachable
        /// The daemon closed it, perhaps in the middle of a reply.
        case ended
        /// No whole reply within the time given.
        case timedOut
        /// What came is no reply to what was asked.
        case garbled
        /// The task was cancelled.
        case cancelled
    }

    public let reason: Reason
    /// A sentence for people.
    public let description: String

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}
