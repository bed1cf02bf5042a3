import UsherModel
import UsherThreads

/// The one thread that reads, writes and checkpoints: a bounded queue, batches that share a commit, and recovery.
///
/// No caller hears anything, reads and refusals included, before the COMMIT of its batch has succeeded: what was read may have been
/// written earlier in the same batch. But no caller waits forever: see `giveUpOverdue`.
final class StoreThread: @unchecked Sendable {
    // Sendable is sound: `database`, `serviceDue`, `timeStalled` and `isFailing` are touched by the initialiser before the thread
    // begins, and by the thread alone from then on; everything else is constant, or behind a lock.

    private let mailbox: Mailbox<StoreQueue>
    private let opening: Opening
    private let clock: any Clock
    private let events: any EventLog
    private let recovered: @Sendable ([Revocation]) -> Void
    private let tuning: Tuning
    private let thread = Lock<Thread?>(nil)

    /// Nil after a failure, until it could be opened again.
    private var database: Database?
    /// The service time at which it has to be kept, though nothing else is written: a grace window is over then.
    private var serviceDue: Int64?
    /// Milliseconds that the service time stood still for: those of commits that succeeded after their callers had been told that
    /// nothing is known. The grace window of a rotation among them has not run down meanwhile.
    private var timeStalled: Int64 = 0
    /// Whether a failure has been told, and no recovery yet.
    private var isFailing = false

    /// The file that it was at the start: no other takes its place until a restart.
    private let original: FileIdentity?
    private let serviceAtStart: Int64
    private let monotonicAtStart: Int64

    /// What the store does by itself, and when.
    struct Tuning: Sendable {
        /// How much later the service time is kept, in milliseconds.
        var margin: Int64 = 1_000
        /// The frames (pages) of the WAL that are worth a checkpoint: 4 MiB.
        var checkpoint: Int32 = 1_000
    }

    /// - Parameter recovered: see `SQLiteStore`.
    init(
        opening: Opening, bounds: StoreBounds, clock: any Clock, tuning: Tuning, events: any EventLog,
        recovered: @escaping @Sendable ([Revocation]) -> Void
    ) throws(StoreOpenError) {
        self.opening = opening
        mailbox = Mailbox(StoreQueue(bounds: bounds))
        self.clock = clock
        self.tuning = tuning
        self.events = events
        self.recovered = recovered
        let opened = try opening.open()
        do throws(StoreFault) {
            serviceAtStart = try opened.storedServiceTime()
        } catch {
            throw StoreOpenError(
                path: opening.path, problem: "its service time cannot be read: \(error)",
                advice: "Restore the file from a backup.")
        }
        original = opened.place?.file
        monotonicAtStart = clock.monotonicMilliseconds()
        database = opened
        let begun = Thread(name: "usher-store") { self.loop() }
        thread.withLock { $0 = begun }
    }

    // MARK: Called from anywhere

    /// Queues a job, or finishes it at once: `busy`, `shutting_down`.
    func submit(_ job: Job) {
        if let refusal = mailbox.change({ $0.add(job) }) { job.finish(refusal) }
    }

    /// See `SQLiteStore`.
    func adopt(_ bounds: StoreBounds) { mailbox.withLock { $0.bounds = bounds } }

    /// See `Store`.
    func giveUpOverdue() -> Int64? {
        let now = clock.monotonicMilliseconds()
        let (overdue, isNew, oldest, timeout) = mailbox.withLock { queue in
            let timeout = queue.bounds.timeout
            let wasStalled = queue.stalledSince != nil
            let overdue = queue.giveUp(since: now - timeout)
            return (overdue, !wasStalled && !overdue.isEmpty, queue.oldest, timeout)
        }
        guard !overdue.isEmpty else { return oldest.map { $0 + timeout } }
        let error = UsherError.storeUnavailable(cause: "the store has not answered for \(timeout / 1000) s")
        if isNew {
            events.record(
                Event(
                    .failure, .error,
                    "The store stalls: it has not answered for \(timeout / 1000) s. Its disk may be overloaded or gone; "
                        + "what needs it is refused until it answers.", result: error.code.rawValue))
        }
        for job in overdue { job.finish(error) }
        return oldest.map { $0 + timeout }
    }

    /// See `Store`.
    var health: StoreHealth {
        mailbox.withLock { queue in
            if let since = queue.stalledSince { return .stalled(since: since) }
            return queue.failure.map { .unavailable(cause: $0) } ?? .working
        }
    }

    /// The number of jobs that wait.
    var waiting: Int { mailbox.withLock { $0.waiting.count } }

    /// See `SQLiteStore`.
    func close(timeoutMilliseconds: Int64?) -> Bool {
        mailbox.changeForAll { $0.close() }
        var hasEnded = true
        if let timeoutMilliseconds { hasEnded = mailbox.wait(atMost: timeoutMilliseconds) { $0.hasEnded ? true : nil } ?? false }
        // Whoever comes second waits behind the lock until the first has joined.
        thread.withLock { thread in
            // One that is stuck in a write cannot be waited for; it ends with the process.
            if hasEnded { thread?.join() }
            thread = nil
        }
        return hasEnded
    }

    // MARK: The thread

    private func loop() {
        while true {
            let ready = { (queue: inout StoreQueue) in
                queue.take(now: self.clock.monotonicMilliseconds(), isServiceDue: self.isServiceDue)
            }
            let work =
                if let serviceDue {
                    mailbox.wait(atMost: serviceDue - serviceTime.now, ready)
                } else {
                    mailbox.wait(ready)
                }
            switch work {
            case .batch(let jobs): carryOut(jobs)
            case .recovered(let since): tellEndOfStall(since)
            case nil: continue
            case .end: return end()
            }
        }
    }

    private func end() {
        defer { mailbox.changeForAll { $0.hasEnded = true } }
        guard database != nil else { return }
        // What that would cost is only that grace windows begin anew.
        serviceDue = .min
        carryOut([])
        database = nil
    }

    private var serviceTime: ServiceTime {
        ServiceTime(
            atStart: serviceAtStart, now: serviceAtStart + clock.monotonicMilliseconds() - monotonicAtStart - timeStalled)
    }

    private var isServiceDue: Bool { serviceDue.map { $0 <= serviceTime.now } ?? false }

    private func carryOut(_ jobs: [Job]) {
        let failure: UsherError?
        let hadConnection = database != nil
        let begun = clock.monotonicMilliseconds()
        do throws(UsherError) {
            let connection = try connection()
            do throws(DatabaseError) { try commit(jobs, on: connection) } catch { throw .storeUnavailable(cause: "\(error)") }
            failure = nil
        } catch {
            failure = error
            tellFailure(error)
        }
        let (waitedFor, isLate) = mailbox.withLock { $0.finish() }
        for job in waitedFor { job.finish(failure) }
        if failure == nil {
            if isLate {
                timeStalled += clock.monotonicMilliseconds() - begun
                tellMemory()
            }
            checkpointIfDue()
            database?.copy?.step()
        } else {
            // Closing also rolls back what is left of the transaction.
            database = nil
            if isServiceDue { serviceDue = serviceTime.now + tuning.margin }
            // The next batch finds a connection, or tries again.
            if hadConnection, !jobs.isEmpty { _ = try? connection() }
        }
    }

    /// Runs each job that was not given up, in a savepoint of its own if there may be something to undo, and commits them together.
    private func commit(_ jobs: [Job], on database: Database) throws(DatabaseError) {
        let time = serviceTime
        let transaction = Transaction(database, time: time)
        let changesBefore = database.totalChanges
        try database.control("BEGIN")
        for (index, job) in jobs.enumerated() where mailbox.withLock({ $0.mayBegin(index) }) {
            if job.writesOnce {
                transaction.isWanted = { [mailbox] in mailbox.withLock { $0.end(index) } }
                _ = try job.run(transaction)
                continue
            }
            transaction.isWanted = { true }
            try database.control("SAVEPOINT job")
            let isGranted = try job.run(transaction)
            if !mailbox.withLock({ $0.end(index) }) || !isGranted { try database.control("ROLLBACK TO job") }
            try database.control("RELEASE job")
        }
        let isDue = serviceDue.map { $0 <= time.now } ?? false
        let isWriting = isDue || database.totalChanges != changesBefore
        if isWriting { try unrefused { () throws(StoreFault) in try database.storeServiceTime(time.now) } }
        try database.control("COMMIT")
        try database.assertInPlace()
        if transaction.hasRotated {
            serviceDue = time.now + mailbox.withLock { $0.bounds.grace } + tuning.margin
        } else if isDue {
            serviceDue = nil
        }
        if isWriting { tellRecovery() }
    }

    /// The connection, opened anew if it failed; then memory is given what the store holds.
    private func connection() throws(UsherError) -> Database {
        if let database { return database }
        let opened: Database
        do throws(StoreOpenError) { opened = try opening.open(again: original) } catch {
            throw .storeUnavailable(cause: "\(error)")
        }
        try tellMemory(from: opened)
        database = opened
        return opened
    }

    /// Memory is given what the store holds revoked: who asked for some of it was told that nothing is known.
    private func tellMemory(from database: Database) throws(UsherError) {
        let revocations: [Revocation]
        do throws(StoreFault) {
            // All that were not purged: more than memory needs does no harm.
            revocations = try Transaction(database, time: serviceTime).revocations(since: .min)
        } catch {
            throw .storeUnavailable(cause: "\(error)")
        }
        recovered(revocations)
    }

    /// The same after a commit that came late; if that fails, the next connection makes up for it.
    private func tellMemory() {
        guard let database else { return }
        do throws(UsherError) { try tellMemory(from: database) } catch {
            tellFailure(error)
            self.database = nil
        }
    }

    /// Off the callers' way: their replies are sent before.
    private func checkpointIfDue() {
        guard let database, database.walFrames >= tuning.checkpoint else { return }
        do throws(StoreFault) { try database.checkpoint(.passive) } catch {
            tellFailure(.storeUnavailable(cause: "\(error)"))
            self.database = nil
        }
    }

    // MARK: What the operator hears: the first failure of a streak, and that a write succeeds again

    private func tellFailure(_ error: UsherError) {
        mailbox.withLock { $0.failure = error.cause ?? error.message }
        guard !isFailing else { return }
        isFailing = true
        events.record(Event(.failure, .error, "The store fails: \(error.cause ?? error.message)", result: error.code.rawValue))
    }

    private func tellRecovery() {
        guard isFailing else { return }
        isFailing = false
        mailbox.withLock { $0.failure = nil }
        events.record(Event(.storeRecovered, .notice, "The store works again."))
    }

    private func tellEndOfStall(_ since: Int64) {
        // Where it came to its end with a failure, that has been told, and its end will be.
        guard !isFailing else { return }
        let seconds = (clock.monotonicMilliseconds() - since) / 1000
        events.record(Event(.storeRecovered, .notice, "The store works again; it had stalled for \(seconds) s."))
    }
}
