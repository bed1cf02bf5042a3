public import UsherModel
import UsherThreads

/// The store's contract without a disk: what it holds is gone with it.
public final class InMemoryStore: Store {
    struct State: Sendable {
        var accounts: [UserID: Account] = [:]
        var usernames: [String: UserID] = [:]
        var emails: [String: UserID] = [:]
        var sessions: [SessionID: Entry] = [:]
        var revocations: [Key: NumericDate] = [:]
        /// Of those of users and roles.
        var versions: [Key: Int64] = [:]
        /// Of those that count for a session.
        var sessionsOfTokens: [Key: String] = [:]
        var knownAddresses: [UserID: [AddressBlock]] = [:]
        /// Each with the service time since when it has been counted.
        var throttles: [ThrottleKey: (count: Int, since: Int64)] = [:]
        var lastPurge: NumericDate?
        var secondFactors: [UserID: SecondFactor] = [:]
        /// Whose email was confirmed and has been changed since.
        var confirmedBefore: Set<UserID> = []
        /// In the order in which they were issued.
        var tokens: [Token] = []
        var roles = Roles()
        /// In the order in which they came.
        var staged: [StagedAccount] = []
        /// What administrators did, the earliest first.
        var acts: [AuditRecord] = []
        var lastAct: Int64 = 0
        var copy: [UInt8]?
        var tokensBefore: NumericDate?
        /// Counts sessions, so that those of one moment have an order.
        var serial: Int64 = 0
        /// Thrown by every call.
        var failure: UsherError?
        /// Calls carried out, refused ones included.
        var calls = 0
    }

    struct Entry: Sendable {
        var session: Session
        let serial: Int64

        var isEnded: Bool { session.endedAt != nil }
        var revocation: Revocation {
            Revocation(kind: .session, id: session.id.description, until: session.accessUntil)
        }
    }

    struct Key: Hashable {
        let kind: Revocation.Kind
        let id: String
    }

    private let state: Lock<State>
    private let clock: any Clock
    private let serviceAtStart: Int64
    private let monotonicAtStart: Int64

    public convenience init(clock: any Clock) { self.init(State(), clock: clock, serviceAtStart: 0) }

    private init(_ state: State, clock: any Clock, serviceAtStart: Int64) {
        self.state = Lock(state)
        self.clock = clock
        self.serviceAtStart = serviceAtStart
        monotonicAtStart = clock.monotonicMilliseconds()
    }

    /// A store with the same content, as a new process would have it.
    public func restarted() -> InMemoryStore {
        forgetStage()
        return InMemoryStore(state.withLock { $0 }, clock: clock, serviceAtStart: serviceTime.now)
    }

    /// Lets every call fail from now on; nil lets them work again.
    public func fail(with error: UsherError?) { state.withLock { $0.failure = error } }

    /// The number of calls so far.
    public var calls: Int { state.withLock { $0.calls } }

    /// Changes an account behind the operations' back, as an administrator would.
    public func edit(_ user: UserID, _ change: (inout Account) -> Void) {
        state.withLock { state in
            guard var account = state.accounts[user] else { return }
            change(&account)
            state.accounts[user] = account
        }
    }

    /// Takes an account away behind the operations' back, as another request would.
    public func forget(_ user: UserID) {
        state.withLock { state in
            guard let account = state.accounts.removeValue(forKey: user) else { return }
            state.usernames[account.user.username.folded] = nil
            state.emails[account.user.email.folded] = nil
        }
    }

    /// The session as it is stored.
    public func session(_ id: SessionID) -> Session? { state.withLock { $0.sessions[id]?.session } }

    var serviceTime: ServiceTime {
        ServiceTime(atStart: serviceAtStart, now: serviceAtStart + clock.monotonicMilliseconds() - monotonicAtStart)
    }

    func perform<Answer>(
        _ audit: AuditNote<Answer>? = nil, _ body: (inout State) throws(UsherError) -> Answer
    ) throws(UsherError) -> Answer {
        try state.withLock { state throws(UsherError) in
            state.calls += 1
            if let failure = state.failure { throw failure }
            let answer = try body(&state)
            if let act = audit?(answer) { state.keep(act) }
            return answer
        }
    }

    // MARK: Store

    public func revocations(since: NumericDate) async throws(UsherError) -> [Revocation] {
        try perform { state throws(UsherError) in
            let sessions = state.sessions.values.filter(\.isEnded).map(\.revocation)
            let others = state.revocations.map {
                Revocation(kind: $0.key.kind, id: $0.key.id, until: $0.value, version: state.versions[$0.key] ?? 0)
            }
            return (sessions + others).filter { $0.until >= since }
        }
    }

    public func lookUp(_ name: LoginName) async throws(UsherError) -> Lookup {
        try perform { state throws(UsherError) in
            let id =
                switch name {
                case .username(let username): state.usernames[username.folded]
                case .email(let email): state.emails[email.folded]
                }
            let settings = Dictionary(grouping: state.accounts.values, by: \.passwordHash.setting)
            return Lookup(
                account: id.flatMap { state.accounts[$0] },
                hashes: settings.map { HashSetting(setting: $0.key, users: Int64($0.value.count)) }
                    .sorted { ($1.users, $0.setting) < ($0.users, $1.setting) }.prefix(Limits.hashSettings).map(\.self),
                knownAddresses: id.flatMap { state.knownAddresses[$0] } ?? [])
        }
    }

    public func takenField(username: Username, email: Email) async throws(UsherError) -> String? {
        try perform { state throws(UsherError) in state.takenField(username: username, email: email) }
    }

    public func create(_ account: Account, session: Session?, audit: AuditNote<Void>?) async throws(UsherError) {
        let time = serviceTime
        try perform(audit) { state throws(UsherError) in
            let user = account.user
            if let field = state.takenField(username: user.username, email: user.email) {
                throw UsherError(.accountExists, detail: .field(field))
            }
            state.accounts[user.id] = account
            state.usernames[user.username.folded] = user.id
            state.emails[user.email.folded] = user.id
            if let session { state.insert(session, time) }
        }
    }

    public func open(_ login: Login) async throws(UsherError) -> LoginOutcome {
        let time = serviceTime
        return try perform { state throws(UsherError) in
            let session = login.session
            guard var account = state.accounts[session.user], account.passwordHash == login.verified else { return .stale }
            guard !account.isDisabled else { return .disabled }
            account.passwordHash = login.replacement ?? login.verified
            state.accounts[session.user] = account
            if let outcome = try state.checkSecondFactor(of: login, time) { return outcome }
            account.user.lastLoginAt = session.createdAt
            state.accounts[session.user] = account
            state.insert(session, time)
            let live = state.sessions.values
                .filter { $0.session.user == session.user && !$0.isEnded && $0.session.expiresAt > session.createdAt }
                .sorted { ($0.session.rotatedService, $0.serial) > ($1.session.rotatedService, $1.serial) }
            let ended = live.dropFirst(login.maxSessions)
            for entry in ended { state.sessions[entry.session.id]?.session.endedAt = session.createdAt }
            return .opened(account.user, ended: ended.map(\.revocation))
        }
    }

    public func update<Answer: Sendable>(
        _ id: SessionID, audit: AuditNote<Answer>?,
        _ decide: @escaping @Sendable (StoredSession?, ServiceTime) throws(UsherError) -> SessionStep<Answer>
    ) async throws(UsherError) -> Answer {
        let time = serviceTime
        return try perform(audit) { state throws(UsherError) in
            let stored = state.sessions[id].flatMap { entry in
                state.accounts[entry.session.user].map { StoredSession(session: entry.session, account: $0) }
            }
            switch try decide(stored, time) {
            case .keep(let answer): return answer
            case .rotate(let session, let answer):
                guard var entry = state.sessions[id] else {
                    throw UsherError(.internal, cause: "a session that is not in the store was to be rotated")
                }
                entry.session.generation = session.generation
                entry.session.rotatedAt = session.rotatedAt
                entry.session.rotatedService = time.now
                entry.session.expiresAt = session.expiresAt
                entry.session.accessUntil = session.accessUntil
                entry.session.client = session.client
                state.sessions[id] = entry
                return answer
            case .end(let moment, let answer):
                if state.sessions[id]?.isEnded == false { state.sessions[id]?.session.endedAt = moment }
                return answer
            }
        }
    }

    public func endSessions(
        of user: UserID, at now: NumericDate, audit: AuditNote<[Revocation]>?
    ) async throws(UsherError) -> [Revocation] {
        try perform(audit) { state throws(UsherError) in state.endSessions(of: user, at: now) }
    }

    public func revoke(_ revocation: Revocation) async throws(UsherError) -> RevokeOutcome {
        try perform { state throws(UsherError) in state.revoke(revocation) }
    }

    public func purge(before: NumericDate, most: Int) async throws(UsherError) -> Bool {
        try perform { state throws(UsherError) in
            let sessions = state.sessions.values.filter {
                max($0.session.endedAt ?? $0.session.expiresAt, $0.session.accessUntil) < before
            }
            for entry in sessions.prefix(most) { state.sessions[entry.session.id] = nil }
            let revocations = state.revocations.filter { $0.value < before }.keys
            for key in revocations.prefix(most) {
                state.revocations[key] = nil
                state.sessionsOfTokens[key] = nil
                state.versions[key] = nil
            }
            state.lastPurge = before
            let hasMoreTokens = state.purgeTokens(before: before, most: most)
            return sessions.count > most || revocations.count > most || hasMoreTokens
        }
    }

    public func lastPurge() async throws(UsherError) -> NumericDate? {
        try perform { state throws(UsherError) in state.lastPurge }
    }
}

extension InMemoryStore.State {
    func takenField(username: Username, email: Email) -> String? {
        if usernames[username.folded] != nil { return "username" }
        return emails[email.folded] == nil ? nil : "email"
    }

    fileprivate mutating func insert(_ session: Session, _ time: ServiceTime) {
        var session = session
        session.rotatedService = time.now
        serial += 1
        sessions[session.id] = InMemoryStore.Entry(session: session, serial: serial)
        keepAddress(of: session)
    }

    mutating func endSessions(of user: UserID, but kept: SessionID? = nil, at now: NumericDate) -> [Revocation] {
        let live = sessions.values.filter { $0.session.user == user && !$0.isEnded && $0.session.id != kept }
        for entry in live { sessions[entry.session.id]?.session.endedAt = now }
        return live.map(\.revocation)
    }

    mutating func revoke(_ revocation: Revocation) -> RevokeOutcome {
        let key = InMemoryStore.Key(kind: revocation.kind, id: revocation.id)
        if revocation.version > 0 { versions[key] = max(versions[key] ?? 0, revocation.version) }
        if let known = revocations[key] {
            revocations[key] = max(known, revocation.until)
            return .known
        }
        if let session = revocation.session {
            let others = sessionsOfTokens.values.count { $0 == session }
            guard others < Limits.revokedTokensPerSession else { return .tooMany }
            sessionsOfTokens[key] = session
        }
        revocations[key] = revocation.until
        return .added
    }
}
