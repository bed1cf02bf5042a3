public import UsherModel
import UsherThreads

/// The store in one SQLite file: WAL, `synchronous=FULL`, one connection on one thread that holds the file exclusively.
public final class SQLiteStore: Store {
    private let thread: StoreThread
    private let clock: any Clock
    /// Where a copy is while it is made.
    let copyPath: String

    /// Opens the database, creating it (mode 0600) where there is none.
    ///
    /// - Parameters:
    ///   - path: the database file; its folder must exist.
    ///   - queue: how many calls may wait before others are `busy` (`Limits.storeQueue`).
    ///   - graceMilliseconds: how long the last refresh token but one is good for.
    ///   - timeoutMilliseconds: how long a call may take (`Limits.storeTimeout`).
    ///   - dataKey: the identifier of the key that secrets are sealed under: a database that has some opens with that one alone.
    ///   - vfs: the name of a registered SQLite VFS; nil for the system's own files.
    ///   - events: told of the first failure of a streak, and of its end.
    ///   - recovered: called on the store's thread whenever a call that failed may have been carried out, or was, with all that the
    ///     store holds revoked by then: when the connection was opened anew, and after a call was given up and committed later. To be
    ///     added to what is in memory, which may know more; must return soon, and must not call the store.
    /// - Throws: what is wrong, where, and what to do about it.
    public convenience init(
        path: String, clock: any Clock, queue: Int = Limits().storeQueue, graceMilliseconds: Int64,
        timeoutMilliseconds: Int64 = Limits().storeTimeout, dataKey: String, vfs: String? = nil, events: any EventLog,
        recovered: @escaping @Sendable ([Revocation]) -> Void
    ) throws(StoreOpenError) {
        try self.init(
            path: path, clock: clock,
            bounds: StoreBounds(queue: queue, grace: graceMilliseconds, timeout: timeoutMilliseconds),
            tuning: StoreThread.Tuning(), dataKey: dataKey, vfs: vfs, events: events, recovered: recovered)
    }

    init(
        path: String, clock: any Clock, bounds: StoreBounds, tuning: StoreThread.Tuning, dataKey: String?, vfs: String?,
        events: any EventLog,
        recovered: @escaping @Sendable ([Revocation]) -> Void
    ) throws(StoreOpenError) {
        self.clock = clock
        copyPath = DatabaseCopy.path(beside: path)
        thread = try StoreThread(
            opening: Opening(path: path, vfs: vfs, dataKey: dataKey), bounds: bounds, clock: clock, tuning: tuning,
            events: events,
            recovered: recovered)
    }

    deinit { close() }

    /// Finishes what is queued, keeps the service time, checkpoints and closes. Blocks until that is done, or for at most
    /// `timeoutMilliseconds`: then gives up, where the disk does not answer. Later calls throw `shutting_down`.
    /// - Returns: whether it is done.
    @discardableResult
    public func close(timeoutMilliseconds: Int64? = nil) -> Bool { thread.close(timeoutMilliseconds: timeoutMilliseconds) }

    /// Other bounds from now on, for calls that are under way too; the parameters are those of `init`. Never blocks for long.
    public func adopt(queue: Int, graceMilliseconds: Int64, timeoutMilliseconds: Int64) {
        thread.adopt(StoreBounds(queue: queue, grace: graceMilliseconds, timeout: timeoutMilliseconds))
    }

    // MARK: Store

    public func giveUpOverdue() -> Int64? { thread.giveUpOverdue() }

    public var health: StoreHealth { thread.health }

    public var waiting: Int { thread.waiting }

    public func revocations(since: NumericDate) async throws(UsherError) -> [Revocation] {
        try await perform { transaction throws(StoreFault) in try transaction.revocations(since: since) }
    }

    public func lookUp(_ name: LoginName) async throws(UsherError) -> Lookup {
        try await perform { transaction throws(StoreFault) in
            let account = try transaction.account(name)
            return Lookup(
                account: account, hashes: try transaction.database.hashSettings(),
                knownAddresses: try transaction.knownAddresses(of: account?.user.id))
        }
    }

    public func takenField(username: Username, email: Email) async throws(UsherError) -> String? {
        try await perform { transaction throws(StoreFault) in try transaction.takenField(username: username, email: email) }
    }

    public func create(_ account: Account, session: Session?, audit: AuditNote<Void>?) async throws(UsherError) {
        try await perform(audit) { transaction throws(StoreFault) in try transaction.create(account, session: session) }
    }

    public func open(_ login: Login) async throws(UsherError) -> LoginOutcome {
        try await perform { transaction throws(StoreFault) in try transaction.open(login) }
    }

    public func update<Answer: Sendable>(
        _ session: SessionID, audit: AuditNote<Answer>?,
        _ decide: @escaping @Sendable (StoredSession?, ServiceTime) throws(UsherError) -> SessionStep<Answer>
    ) async throws(UsherError) -> Answer {
        try await perform(audit, writesOnce: audit == nil) { transaction throws(StoreFault) in
            try transaction.update(session, decide)
        }
    }

    public func endSessions(
        of user: UserID, at now: NumericDate, audit: AuditNote<[Revocation]>?
    ) async throws(UsherError) -> [Revocation] {
        try await perform(audit) { transaction throws(StoreFault) in try transaction.endSessions(of: user, at: now) }
    }

    public func revoke(_ revocation: Revocation) async throws(UsherError) -> RevokeOutcome {
        try await perform { transaction throws(StoreFault) in try transaction.revoke(revocation) }
    }

    public func purge(before: NumericDate, most: Int) async throws(UsherError) -> Bool {
        try await perform { transaction throws(StoreFault) in try transaction.purge(before: before, most: most) }
    }

    public func lastPurge() async throws(UsherError) -> NumericDate? {
        try await perform { transaction throws(StoreFault) in try transaction.lastPurge() }
    }

    public func updateSecondFactor<Answer: Sendable>(
        of user: UserID,
        _ decide: @escaping @Sendable (Account?, SecondFactor?, ServiceTime) throws(UsherError) -> SecondFactorStep<Answer>
    ) async throws(UsherError) -> Answer {
        try await perform { transaction throws(StoreFault) in try transaction.updateSecondFactor(of: user, decide) }
    }

    public func issue(_ token: StoredToken, to recipient: TokenRecipient) async throws(UsherError) -> User? {
        try await perform { transaction throws(StoreFault) in try transaction.issue(token, to: recipient) }
    }

    public func oneTimeToken(_ digest: String) async throws(UsherError) -> FoundToken? {
        try await perform { transaction throws(StoreFault) in try transaction.oneTimeToken(digest) }
    }

    public func confirmEmail(by digest: String, at now: NumericDate) async throws(UsherError) -> User {
        try await perform { transaction throws(StoreFault) in try transaction.confirmEmail(by: digest, at: now) }
    }

    public func changePassword(
        of user: UserID, from verified: PasswordHash, to hash: PasswordHash, keeping kept: SessionID, at now: NumericDate
    ) async throws(UsherError) -> [Revocation]? {
        try await perform { transaction throws(StoreFault) in
            try transaction.changePassword(of: user, from: verified, to: hash, keeping: kept, at: now)
        }
    }

    public func resetPassword(
        by digest: String, to hash: PasswordHash, at now: NumericDate
    ) async throws(UsherError) -> PasswordReset {
        try await perform { transaction throws(StoreFault) in try transaction.resetPassword(by: digest, to: hash, at: now) }
    }

    /// Has the store's thread do `work` in a transaction, and write there what is to be kept of it; waits for its commit.
    /// - Parameter writesOnce: see `Job`.
    func perform<Answer: Sendable>(
        _ audit: AuditNote<Answer>? = nil, writesOnce: Bool = false,
        _ work: @escaping @Sendable (Transaction) throws(StoreFault) -> Answer
    ) async throws(UsherError) -> Answer {
        let answer = Lock<Answer?>(nil)
        try await commit(writesOnce: writesOnce) { transaction throws(StoreFault) in
            let done = try work(transaction)
            if let act = audit?(done) { try transaction.keep(act) }
            answer.withLock { $0 = done }
        }
        guard let answer = answer.withLock({ $0 }) else { throw UsherError(.internal, cause: "the store gave no answer") }
        return answer
    }

    /// Waits until `work` is committed; its error crosses in a lock, and the continuation carries nothing. A failure counts for more than a
    /// refusal, or than none: it may be of a transaction that was never committed, or come after the call was given up.
    private func commit(
        writesOnce: Bool, _ work: @escaping @Sendable (Transaction) throws(StoreFault) -> Void
    ) async throws(UsherError) {
        let outcome = Lock<UsherError?>(nil)
        await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            thread.submit(
                Job(
                    since: clock.monotonicMilliseconds(), writesOnce: writesOnce,
                    run: { transaction throws(DatabaseError) in
                        do throws(StoreFault) {
                            try work(transaction)
                            return true
                        } catch {
                            let refusal = try error.refusal()
                            // There is something already where the call was given up meanwhile.
                            outcome.withLock { if $0 == nil { $0 = refusal } }
                            return false
                        }
                    },
                    finish: { failure in
                        if let failure { outcome.withLock { $0 = failure } }
                        unsafe continuation.resume()
                    }))
        }
        if let error = outcome.withLock({ $0 }) { throw error }
    }
}

extension StoreFault {
    /// What the caller is told while the batch goes on.
    /// - Throws: a fault that the batch does not survive.
    fileprivate func refusal() throws(DatabaseError) -> UsherError {
        switch self {
        case .refused(let error): return error
        case .database(let error):
            guard error.concernsItsJobAlone else { throw error }
            return UsherError(.internal, cause: "\(error)")
        }
    }
}
