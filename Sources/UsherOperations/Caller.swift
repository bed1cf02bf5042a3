import Synchronization
public import UsherModel

/// The connection that a request came from, for queues that are shared fairly and drop what nobody waits for.
public final class Caller: Sendable {
    public let peer: Peer
    /// The socket that it came in by.
    public let place: Operation.Place
    private let gone = Atomic<Bool>(false)
    private let exported = Atomic<Bool>(false)

    public init(peer: Peer, place: Operation.Place = .app) {
        self.peer = peer
        self.place = place
    }

    /// Whether the client has closed its connection.
    public var isGone: Bool { gone.load(ordering: .relaxed) }
    public func leave() { gone.store(true, ordering: .relaxed) }

    /// Whether it was given a page of EXPORT.
    var hasExported: Bool { exported.load(ordering: .relaxed) }
    func noteExport() { exported.store(true, ordering: .relaxed) }
}

/// The port to the hash pool.
public protocol PasswordWorkers: Sendable {
    /// Runs `work` on a thread that may block. Requests wait in a bounded queue that peers share fairly.
    /// - Throws: `busy` at once if the queue is full, or after 10 s in it; what `work` throws.
    func run<Result: Sendable>(
        for caller: Caller, _ work: @escaping @Sendable (any PasswordHasher) throws(UsherError) -> Result
    ) async throws(UsherError) -> Result

    /// What they are at. Never blocks.
    var load: WorkerLoad { get }
}

/// What the hash pool is at.
public struct WorkerLoad: Sendable, Equatable {
    /// Passwords that are being hashed.
    public let busy: Int
    /// Passwords that wait for it.
    public let waiting: Int
    /// How many can be hashed at once.
    public let workers: Int
    /// Since when it has owed the next result, in monotonic milliseconds: the moment at which the oldest work in hand was begun, or
    /// since which no work that waits has been begun. Nil if it owes none.
    public let since: Int64?

    public init(busy: Int, waiting: Int, workers: Int, since: Int64?) {
        self.busy = busy
        self.waiting = waiting
        self.workers = workers
        self.since = since
    }

    /// Passwords that are being hashed or wait for it.
    public var count: Int { busy + waiting }
}
