public import UsherModel
public import UsherOperations
import UsherThreads

/// Hashes where it is asked to.
public final class InlineWorkers: PasswordWorkers {
    private let hasher: any PasswordHasher
    private let failure = Lock<UsherError?>(nil)
    private let scripted = Lock(WorkerLoad(busy: 0, waiting: 0, workers: 1, since: nil))

    public init(_ hasher: any PasswordHasher) { self.hasher = hasher }

    /// Thrown instead from now on, by a full queue for example.
    public func fail(with error: UsherError?) { failure.withLock { $0 = error } }

    /// What they are to be at, though they are never at anything when they are asked.
    public func set(load: WorkerLoad) { scripted.withLock { $0 = load } }

    public var load: WorkerLoad { scripted.withLock { $0 } }

    public func run<Result: Sendable>(
        for caller: Caller, _ work: @escaping @Sendable (any PasswordHasher) throws(UsherError) -> Result
    ) async throws(UsherError) -> Result {
        if let failure = failure.withLock({ $0 }) { throw failure }
        return try work(hasher)
    }
}
