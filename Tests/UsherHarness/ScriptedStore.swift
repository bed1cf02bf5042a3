public import UsherModel
public import UsherTesting
import UsherThreads

/// A store in memory with whatever is to happen around its calls.
public final class ScriptedStore: Store {
    public let inner: InMemoryStore

    public enum Call: Hashable, Sendable {
        case revocations, lookUp, account, edit, delete, sessions, takenField, create, open, update, endSessions, revoke, purge,
            updateSecondFactor, lastPurge, throttles, keep
        case roles, editRole
        case acts, pruneActs
        case issue, oneTimeToken, confirmEmail, changePassword, resetPassword
        case clearStage, stage, commitStage, accounts
        case find, administer, users
        case makeCopy, readCopy, dropCopy, tokensBefore
    }

    public typealias Step = @Sendable () throws(UsherError) -> Void

    private struct Script: Sendable {
        var before: [Call: Step] = [:]
        var after: [Call: Step] = [:]
        var losesUpdates = false
        var made: [Call] = []
        var health = StoreHealth.working
        var giveUp: (@Sendable () -> Int64?)?
    }

    private let script = Lock(Script())

    public init(_ inner: InMemoryStore) { self.inner = inner }

    /// Runs before each such call; what it throws is thrown instead. Nil for nothing any more.
    public func before(_ call: Call, _ step: Step?) { script.withLock { $0.before[call] = step } }
    /// Lets such calls fail from now on, with nothing done; nil lets them work again.
    public func fail(_ calls: [Call], with error: UsherError?) {
        var step: Step?
        if let error { step = { () throws(UsherError) in throw error } }
        for call in calls { before(call, step) }
    }
    /// Runs after each such call was carried out; what it throws is thrown instead of its answer.
    public func after(_ call: Call, _ step: Step?) { script.withLock { $0.after[call] = step } }
    /// Whether `update` reads and decides, and then fails to commit.
    public func loseUpdates(_ loses: Bool) { script.withLock { $0.losesUpdates = loses } }
    /// How it says that it is.
    public func set(health: StoreHealth) { script.withLock { $0.health = health } }
    public var health: StoreHealth { script.withLock { $0.health } }
    /// What is to happen when calls that are overdue are to be given up.
    public func whenGivingUp(_ body: (@Sendable () -> Int64?)?) { script.withLock { $0.giveUp = body } }
    public func giveUpOverdue() -> Int64? { script.withLock { $0.giveUp }?() }
    /// The calls so far.
    public var made: [Call] { script.withLock { $0.made } }

    func perform<Answer>(
        _ call: Call, _ body: () async throws(UsherError) -> Answer
    ) async throws(UsherError) -> Answer {
        let (before, after) = script.withLock { script in
            script.made.append(call)
            return (script.before[call], script.after[call])
        }
        try before?()
        let answer = try await body()
        try after?()
        return answer
    }

    public func revocations(since: NumericDate) async throws(UsherError) -> [Revocation] {
        try await perform(.revocations) { () async throws(UsherError) in try await inner.revocations(since: since) }
    }

    public func lookUp(_ name: LoginName) async throws(UsherError) -> Lookup {
        try await perform(.lookUp) { () async throws(UsherError) in try await inner.lookUp(name) }
    }

    public func takenField(username: Username, email: Email) async throws(UsherError) -> String? {
        try await perform(.takenField) { () async throws(UsherError) in
            try await inner.takenField(username: username, email: email)
        }
    }

    public func create(_ account: Account, session: Session?, audit: AuditNote<Void>?) async throws(UsherError) {
        try await perform(.create) { () async throws(UsherError) in
            try await inner.create(account, session: session, audit: audit)
        }
    }

    public func open(_ login: Login) async throws(UsherError) -> LoginOutcome {
        try await perform(.open) { () async throws(UsherError) in try await inner.open(login) }
    }

    public func update<Answer: Sendable>(
        _ session: SessionID, audit: AuditNote<Answer>?,
        _ decide: @escaping @Sendable (StoredSession?, ServiceTime) throws(UsherError) -> SessionStep<Answer>
    ) async throws(UsherError) -> Answer {
        let loses = script.withLock { $0.losesUpdates }
        return try await perform(.update) { () async throws(UsherError) in
            guard loses else { return try await inner.update(session, audit: audit, decide) }
            _ = try await inner.update(session) { stored, time throws(UsherError) in
                _ = try decide(stored, time)
                return .keep(())
            }
            throw .storeUnavailable(cause: "the commit was lost")
        }
    }

    public func endSessions(
        of user: UserID, at now: NumericDate, audit: AuditNote<[Revocation]>?
    ) async throws(UsherError) -> [Revocation] {
        try await perform(.endSessions) { () async throws(UsherError) in
            try await inner.endSessions(of: user, at: now, audit: audit)
        }
    }

    public func revoke(_ revocation: Revocation) async throws(UsherError) -> RevokeOutcome {
        try await perform(.revoke) { () async throws(UsherError) in try await inner.revoke(revocation) }
    }

    public func purge(before: NumericDate, most: Int) async throws(UsherError) -> Bool {
        try await perform(.purge) { () async throws(UsherError) in try await inner.purge(before: before, most: most) }
    }

    public func throttles() async throws(UsherError) -> [ThrottleRecord] {
        try await perform(.throttles) { () async throws(UsherError) in try await inner.throttles() }
    }

    public func keep(_ throttles: [ThrottleRecord]) async throws(UsherError) {
        try await perform(.keep) { () async throws(UsherError) in try await inner.keep(throttles) }
    }

    public func lastPurge() async throws(UsherError) -> NumericDate? {
        try await perform(.lastPurge) { () async throws(UsherError) in try await inner.lastPurge() }
    }

    public func clearStage() async throws(UsherError) {
        try await perform(.clearStage) { () async throws(UsherError) in try await inner.clearStage() }
    }

    public func stage(_ accounts: [StagedAccount]) async throws(UsherError) -> Int {
        try await perform(.stage) { () async throws(UsherError) in try await inner.stage(accounts) }
    }

    public func commitStage(of count: Int, audit: @escaping AuditNote<StageOutcome>) async throws(UsherError) -> StageOutcome {
        try await perform(.commitStage) { () async throws(UsherError) in try await inner.commitStage(of: count, audit: audit) }
    }

    public func accounts(
        after id: UserID?, most: Int, bytes: Int, audit: @escaping AuditNote<AccountPage>
    ) async throws(UsherError) -> AccountPage {
        try await perform(.accounts) { () async throws(UsherError) in
            try await inner.accounts(after: id, most: most, bytes: bytes, audit: audit)
        }
    }
}
