public import UsherModel
public import UsherOperations
import UsherThreads

/// Threads that hash passwords, at lower priority than the reactor, and the queue in front of them. Peers share the queue: each is served in
/// turn, and when it is full, what nobody waits for any more gives way, and then the one with the most waiting.
public final class HashPool: PasswordWorkers {
    private let queue: Mailbox<Queue>
    private let clock: any Clock

    /// What waits, a list for each peer's uid.
    private struct Queue: Sendable {
        var jobs: [UInt32: [Job]] = [:]
        /// The uids that have jobs, the next to be served first.
        var turns: [UInt32] = []
        var count = 0
        var capacity: Int
        var hasher: any PasswordHasher
        /// Since when each worker has been at its job, by the worker's number.
        var begun: [Int64?]
        /// Since when jobs have waited and no worker has taken one.
        var waitingSince: Int64?

        init(workers: Int, capacity: Int, hasher: any PasswordHasher) {
            begun = Array(repeating: nil, count: workers)
            self.capacity = capacity
            self.hasher = hasher
        }

        mutating func append(_ job: Job, at now: Int64) {
            if count == 0 { waitingSince = now }
            let uid = job.caller.peer.uid
            if jobs[uid, default: []].isEmpty { turns.append(uid) }
            jobs[uid, default: []].append(job)
            count += 1
        }

        /// The oldest job of the peer whose turn it is, for a worker that has done its last one.
        mutating func next(for worker: Int, at now: Int64) -> Job? {
            begun[worker] = nil
            guard let uid = turns.first, let job = jobs[uid]?.removeFirst() else { return nil }
            turns.removeFirst()
            if jobs[uid]?.isEmpty == true { jobs[uid] = nil } else { turns.append(uid) }
            count -= 1
            begun[worker] = now
            waitingSince = count > 0 ? now : nil
            return job
        }

        /// Takes back all jobs that are dropped when their turn comes.
        mutating func sweep(_ isOver: (Job) -> Bool) -> [Job] {
            var over: [Job] = []
            for (uid, waiting) in jobs {
                let kept = waiting.filter { !isOver($0) }
                guard kept.count < waiting.count else { continue }
                over += waiting.filter(isOver)
                jobs[uid] = kept.isEmpty ? nil : kept
                if kept.isEmpty { turns.removeAll { $0 == uid } }
            }
            count -= over.count
            return over
        }

        /// Takes back the newest job of the peer that has the most, if that is at least two more than `uid` has.
        mutating func evict(for uid: UInt32) -> Job? {
            guard let most = jobs.max(by: { $0.value.count < $1.value.count }),
                most.value.count >= (jobs[uid]?.count ?? 0) + 2, let job = jobs[most.key]?.popLast()
            else { return nil }
            count -= 1
            return job
        }
    }

    private struct Job: Sendable {
        let caller: Caller
        let since: Int64
        /// Does the work, or fails with the given error; then resumes who waits.
        let finish: @Sendable (UsherError?) -> Void
    }

    public init(workers: Int, queue capacity: Int, hasher: any PasswordHasher, clock: any Clock) {
        self.clock = clock
        queue = Mailbox(Queue(workers: workers, capacity: capacity, hasher: hasher))
        for number in 0..<workers {
            _ = Thread(name: "usher-hash-\(number)", niceness: 10) { [self] in work(number) }
        }
    }

    /// How passwords that come from now on are hashed, and how many may wait. Those that wait already go on as they came.
    public func adopt(queue capacity: Int, hasher: any PasswordHasher) {
        queue.withLock { queue in
            queue.capacity = capacity
            queue.hasher = hasher
        }
    }

    /// Passwords that wait for a worker.
    public var waiting: Int { queue.withLock { $0.count } }

    public var load: WorkerLoad {
        queue.withLock { queue in
            let begun = queue.begun.compactMap { $0 }
            let since = queue.count > 0 ? begun + [queue.waitingSince].compactMap { $0 } : begun
            return WorkerLoad(
                busy: begun.count, waiting: queue.count, workers: queue.begun.count, since: since.min())
        }
    }

    public func run<Result: Sendable>(
        for caller: Caller, _ work: @escaping @Sendable (any PasswordHasher) throws(UsherError) -> Result
    ) async throws(UsherError) -> Result {
        let hasher = queue.withLock { $0.hasher }
        let call = Call(work)
        unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            submit(
                Job(caller: caller, since: clock.monotonicMilliseconds()) { failure in
                    call.carryOut(by: hasher, or: failure)
                    unsafe continuation.resume()
                })
        }
        return try call.outcome()
    }

    /// One call of `run`: what is to be done, then what came of it. It lets go of the one before it has the other: a worker that is held up
    /// behind the reply must not keep the password.
    private final class Call<Result: Sendable>: Sendable {
        private let work: Lock<(@Sendable (any PasswordHasher) throws(UsherError) -> Result)?>
        private let result = Lock<Swift.Result<Result, UsherError>?>(nil)

        init(_ work: @escaping @Sendable (any PasswordHasher) throws(UsherError) -> Result) { self.work = Lock(work) }

        func carryOut(by hasher: any PasswordHasher, or failure: UsherError?) {
            let outcome = Swift.Result<Result, UsherError> { () throws(UsherError) in
                let work = work.withLock { $0.take() }
                if let failure { throw failure }
                guard let work else { throw UsherError(.internal, cause: "a hash was asked for twice") }
                return try work(hasher)
            }
            result.withLock { $0 = outcome }
        }

        func outcome() throws(UsherError) -> Result {
            guard let result = result.withLock({ $0 }) else { throw UsherError(.internal, cause: "a hash came to no result") }
            return try result.get()
        }
    }

    private func submit(_ job: Job) {
        let now = clock.monotonicMilliseconds()
        let refused: [Job] = queue.change { queue in
            var refused: [Job] = []
            if queue.count >= queue.capacity { refused = queue.sweep { isOver($0, at: now) } }
            if queue.count >= queue.capacity {
                guard let evicted = queue.evict(for: job.caller.peer.uid) else { return [job] }
                refused = [evicted]
            }
            queue.append(job, at: now)
            return refused
        }
        for job in refused { job.finish(.busy) }
    }

    /// Whether nobody waits for a job any more, or it has waited too long.
    private func isOver(_ job: Job, at now: Int64) -> Bool { job.caller.isGone || now - job.since > Limits.hashWait }

    private func work(_ number: Int) {
        while true {
            let job = queue.wait { $0.next(for: number, at: self.clock.monotonicMilliseconds()) }
            job.finish(isOver(job, at: clock.monotonicMilliseconds()) ? .busy : nil)
        }
    }
}
