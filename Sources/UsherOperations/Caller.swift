import Synchronization
public import UsherModel

/// The connection that a request came from, for queues that are shared fairly and drop what nobody waits for.
public final class Caller: Sendable {
    public let peer: Peer
    private let gone = Atomic<Bool>(false)

    public init(peer: Peer) { self.peer = peer }

    /// Whether the client has closed its connection.
    public var isGone: Bool { gone.load(ordering: .relaxed) }
    public func leave() { gone.store(true, ordering: .relaxed) }
}

/// The port to the hash pool.
public protocol PasswordWorkers: Sendable {
    /// Runs `work` on a thread that may block. Requests wait in a bounded queue that peers share fairly.
    /// - Throws: `busy` at once if the queue is full, or after 10 s in it; what `work` throws.
    func run<Result: Sendable>(
        for caller: Caller, _ work: @escaping @Sendable (any PasswordHasher) throws(UsherError) -> Result
    ) async throws(UsherError) -> Result
}
