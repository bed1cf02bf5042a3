/// The port to what lasts. Each call is one transaction, and returns after it is durable; a failure means that nothing is known of
/// its outcome (`store_unavailable`), or that nothing was changed (every other code).
///
/// Calls may be made from any isolation; they are carried out one after the other, and share commits. A call that finds the queue
/// full throws `busy` at once; one that takes too long is given up, if somebody asks for that (`giveUpOverdue`).
///
/// What administrators do is kept with it: the calls that they make have an `audit`, which may be nil where users make them, too.
public protocol Store: AccountStore, AdministrationStore, AuditStore, OneTimeTokenStore, PasswordStore, SecondFactorStore,
    ThrottleStore, TransferStore, RoleStore, BackupStore
{
    /// All revocations that may still concern a token: those whose `until` is at least `since`, ended sessions included.
    func revocations(since: NumericDate) async throws(UsherError) -> [Revocation]

    func lookUp(_ name: LoginName) async throws(UsherError) -> Lookup

    /// The first of `username` and `email` that another account has, as the member's name; nil if both are free.
    func takenField(username: Username, email: Email) async throws(UsherError) -> String?

    /// Adds an account and its first session, if it begins with one.
    /// - Throws: `account_exists` with the field.
    func create(_ account: Account, session: Session?, audit: AuditNote<Void>?) async throws(UsherError)

    /// Records a login whose password was right, unless the account has changed since it was read. Where a second factor is in force,
    /// a session is opened only for a right code, which is used up in the same transaction. The new hash is recorded in any case.
    func open(_ login: Login) async throws(UsherError) -> LoginOutcome

    /// Reads a session and its account, lets `decide` say what becomes of it, and does that, all in one transaction. `decide` runs on
    /// the store's thread; what it throws is thrown here, with nothing changed.
    func update<Answer: Sendable>(
        _ session: SessionID, audit: AuditNote<Answer>?,
        _ decide: @escaping @Sendable (StoredSession?, ServiceTime) throws(UsherError) -> SessionStep<Answer>
    ) async throws(UsherError) -> Answer

    /// Ends every live session of a user.
    /// - Returns: what must be refused from now on.
    func endSessions(
        of user: UserID, at now: NumericDate, audit: AuditNote<[Revocation]>?
    ) async throws(UsherError) -> [Revocation]

    /// Adds a revocation of a token, or of a session that the store has no row of. If there was one already, it lasts as long as the
    /// longer of both.
    func revoke(_ revocation: Revocation) async throws(UsherError) -> RevokeOutcome

    /// Forgets sessions that can no longer be refreshed, revocations that concern no token any more, and one-time tokens: what ended before
    /// `before`. Takes away at most `most` rows of each, and keeps `before` for `lastPurge`.
    /// - Returns: whether there may be more.
    func purge(before: NumericDate, most: Int) async throws(UsherError) -> Bool

    /// The `before` of the last purge, or up to an hour earlier; nil if it is not known.
    func lastPurge() async throws(UsherError) -> NumericDate?

    /// Gives up each call that has been under way for longer than the store's time-out: it throws `store_unavailable` now. What was not
    /// begun of these will not be; what only its commit is missing of may still be carried out, and memory is told when it was.
    ///
    /// Never blocks. To be called again and again by whoever waits for calls: nothing else in the store runs while a disk stalls.
    /// - Returns: when the next one will be overdue, in monotonic milliseconds; nil if no call is under way.
    func giveUpOverdue() -> Int64?

    /// How it is now. Never blocks.
    var health: StoreHealth { get }

    /// How many calls wait to be begun. Never blocks.
    var waiting: Int { get }
}

/// A store that always answers at once.
extension Store {
    public func giveUpOverdue() -> Int64? { nil }
    public var health: StoreHealth { .working }
    public var waiting: Int { 0 }
}

/// What LOGIN begins with. All of it is read whether there is such an account or not.
public struct Lookup: Sendable {
    public let account: Account?
    /// How the passwords of users are hashed: the `Limits.hashSettings` most frequent settings.
    public let hashes: [HashSetting]
    /// Where the account was logged in to from last, `Limits.knownAddresses` of them at most.
    public let knownAddresses: [AddressBlock]

    public init(account: Account?, hashes: [HashSetting], knownAddresses: [AddressBlock]) {
        self.account = account
        self.hashes = hashes
        self.knownAddresses = knownAddresses
    }
}

/// How many users have a password hash of one setting.
public struct HashSetting: Sendable, Equatable {
    /// As `PasswordHash.setting` has it.
    public let setting: String
    public let users: Int64

    public init(setting: String, users: Int64) {
        self.setting = setting
        self.users = users
    }
}

/// What LOGIN asks the store to record.
public struct Login: Sendable {
    /// The hash that the password was checked against; the account must still have it.
    public let verified: PasswordHash
    /// What replaces it, when it was outdated.
    public let replacement: PasswordHash?
    /// The session to add; its `user` is the account.
    public let session: Session
    /// The most live sessions of a user; the one longest unused gives way.
    public let maxSessions: Int
    /// Looks at the code that was given for the second factor, on the store's thread; nil where none was given.
    public let code: (@Sendable (SecondFactor, ServiceTime) throws(UsherError) -> CodeOutcome)?

    public init(
        verified: PasswordHash, replacement: PasswordHash?, session: Session, maxSessions: Int,
        code: (@Sendable (SecondFactor, ServiceTime) throws(UsherError) -> CodeOutcome)? = nil
    ) {
        self.verified = verified
        self.replacement = replacement
        self.session = session
        self.maxSessions = maxSessions
        self.code = code
    }
}

public enum LoginOutcome: Sendable {
    /// Recorded; `ended` are the sessions that gave way.
    case opened(User, ended: [Revocation])
    case disabled
    /// A second factor is in force, and no code was given.
    case codeRequired
    /// The code was not right, or not looked at.
    case codeRefused(UsherError)
    /// The account is gone, its password is another one by now, or a code was given and there is nothing any more to give one for.
    case stale
}

public enum RevokeOutcome: Sendable {
    case added
    case known
    /// Nothing was written: the token's session has `Limits.revokedTokensPerSession` revoked ones. It is to be ended instead.
    case tooMany
}

public struct StoredSession: Sendable {
    public let session: Session
    public let account: Account

    public init(session: Session, account: Account) {
        self.session = session
        self.account = account
    }
}

/// What becomes of a session.
public enum SessionStep<Answer: Sendable>: Sendable {
    case keep(Answer)
    /// The next refresh token: writes `generation`, `rotatedAt`, `rotatedService` (from the store's own service time), `expiresAt`,
    /// `accessUntil` and `client` of the given session.
    case rotate(Session, Answer)
    /// Ends it at the given time.
    case end(NumericDate, Answer)
}
