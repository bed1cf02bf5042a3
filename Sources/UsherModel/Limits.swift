/// Every bound of the daemon, in one place. Those that are settings say so; `usherd --check-config` prints them.
public struct Limits: Sendable, Equatable {
    // MARK: Connections
    /// The most bytes of a line before its LF. `[socket] max_line`.
    public var line = 65_536
    /// The most requests of one connection that wait for their reply. `[socket] max_in_flight`.
    public var inFlight = 128
    /// Connections in all. `[socket] max_connections`.
    public var connections = 4_096
    /// Connections of one peer uid. `[socket] max_connections_per_uid`.
    public var connectionsPerUID = 3_072
    /// Lines that one connection may have answered before the next one's turn.
    public static let linesPerTurn = 64
    /// Bytes that are read of one connection in a turn: with 64 lines of 500 bytes, both bounds are met together.
    public static let bytesPerTurn = 32_768
    /// Connections that are read before what was read is carried out: both take less time when they are done several times in a row. More gain
    /// no more.
    public static let turnsTogether = 16
    /// Connections that are accepted before those that are open get their turn.
    public static let acceptsPerTurn = 64
    /// Bytes of replies that may wait for a client to read them before its requests are left unread.
    public static let unsentReplies = 65_536
    /// Bytes of replies of several connections that are gathered before they are sent.
    public static let repliesTogether = 32_768
    /// The longest `id` of a request, in bytes.
    public static let requestID = 64

    // MARK: JSON
    /// The deepest nesting, the outermost object counted.
    public static let nesting = 32

    // MARK: Tokens and sessions
    /// The longest access token that is issued, in bytes: it fits a cookie.
    public static let accessToken = 3_500
    /// Of what a role allows, as it stands in tokens: so much of each is kept free for it.
    public static let rolePermissions = 600
    public static let roles = 1_000
    /// Live sessions of one user. `[token] max_sessions`.
    public var sessionsPerUser = 100
    /// Revocations in force, by which no more single tokens are revoked, only sessions. `[token] max_revocations`.
    public var revocations = 1_000_000
    /// Single tokens of one session that are revoked: one more, and the session is ended instead.
    public static let revokedTokensPerSession = 64
    /// One-time tokens of one user and purpose: the oldest gives way.
    public static let oneTimeTokens = 5
    /// What is kept of a user agent, in bytes.
    public static let userAgent = 256
    /// The most names in AUTHORIZE's `roles` or `permissions`.
    public static let authorizeNames = 256

    // MARK: Throttling
    /// How many attempts there may be. `[throttle]`.
    public var throttle = ThrottleSettings()
    /// Addresses that are kept of each account: those that it was logged in to from last.
    public static let knownAddresses = 8
    /// How long what was counted waits to be written, in milliseconds.
    public static let throttleDelay: Int64 = 500
    /// What is written of it in one transaction.
    public static let throttleBatch = 500

    // MARK: Passwords
    /// The parts of a name that a password must not contain, in bytes: what is shorter is in too many words, what is longer is cut.
    public static let nameWord = 4...24
    /// The most passwords on the list of breached ones: 8 bytes of memory each.
    public static let breachedPasswords = 50_000_000
    /// The longest line of that list, in bytes: no password is longer.
    public static let breachedLine = 512

    /// Memory that a stored hash of Argon2, scrypt or yescrypt may ask for, in bytes.
    public static let hashMemory = 1 << 30
    /// Memory times passes of it, in bytes: about 5 s.
    public static let hashWork = 4 << 30
    /// Lanes of a stored hash of Argon2.
    public static let argon2Lanes = 64
    /// Iterations of a stored hash of PBKDF2: about 3 s.
    public static let pbkdf2Iterations = 10_000_000
    /// Rounds of a hash of sha256crypt or sha512crypt that is brought from elsewhere: about 6 s, for whoever tries the longest password, which
    /// takes ten times as long as a short one.
    public static let shaCryptRounds = 2_000_000
    /// The cost of a hash of bcrypt that is brought from elsewhere: about 6 s.
    public static let bcryptCost = 17
    /// The longest salt of a stored hash of Argon2 or PBKDF2, in bytes.
    public static let hashSalt = 64

    /// Settings of hashes that the password of an unknown name is checked against, those of most users: each LOGIN reads them.
    public static let hashSettings = 64

    // MARK: Second factors
    /// How many steps of 30 s a code may be off, either way (RFC 6238 §5.2).
    public static let codeTolerance: Int64 = 1
    /// Recovery codes of an account.
    public static let recoveryCodes = 10
    /// How long a login waits for its code, in seconds.
    public static let challenge: Int64 = 300
    /// Wrong codes in a row after which the next must wait.
    public static let wrongCodes: Int64 = 5
    /// How long it must wait then, in milliseconds: twice as long for each that is wrong again.
    public static let codeDelay: Int64 = 30_000
    /// The longest of these delays.
    public static let longestCodeDelay: Int64 = 3_600_000

    // MARK: Moving
    /// Users of one IMPORT: they are made accounts of in one transaction, for which all others wait.
    public static let importUsers = 200_000
    /// Users of one request of it.
    public static let importBatch = 1_000
    /// Users of one page of EXPORT.
    public static let exportUsers = 1_000
    /// Bytes of a page, past which no user begins: a connection may have asked for as many pages as it may have requests in flight.
    public static let exportBytes = 262_144

    // MARK: Backups
    /// Pages (4 KiB) that are copied before others have their turn at the store.
    public static let backupStep: Int32 = 256
    /// What a copy leaves free of the disk, in bytes: room for the store to go on.
    public static let backupReserve: Int64 = 16 << 20
    /// Bytes of a copy in one reply of BACKUP: whole groups of three, as base64 writes them.
    public static let backupPart = 49_152

    // MARK: Administering
    /// Users of one page of USER_LIST.
    public static let listUsers = 1_000
    /// Users that are looked at for one page: whoever needs the store waits meanwhile.
    public static let listScan = 2_000
    /// Acts of one page of AUDIT.
    public static let auditActs = 1_000
    /// How long acts are kept, in seconds. `[audit] max_age`.
    public var auditAge: Int64 = 365 * 86_400
    /// How many are kept, besides those that come between two purges. `[audit] max_entries`.
    public var auditActsKept = 100_000

    // MARK: Queues
    /// Threads that hash; 0 is one less than the machine has processors, at least one. `[password] workers`.
    public var hashWorkers = 0
    /// Passwords that wait to be hashed. `[password] queue`.
    public var hashQueue = 64
    /// How long one may wait, in milliseconds.
    public static let hashWait: Int64 = 10_000
    /// How long the threads that hash may bring nothing forth before they count as hanging, in milliseconds. `[password] timeout`.
    public var hashTimeout: Int64 = 30_000
    /// At least as long as this many hashes of the present cost take: a machine may be busy with other things.
    public static let hashesPerTimeout: Int64 = 60
    /// Operations that wait for the store. `[store] queue`.
    public var storeQueue = 4_096
    /// How long an operation of the store may take, its wait included, before it is given up, in milliseconds. `[store] timeout`.
    public var storeTimeout: Int64 = 5_000
    /// Operations that share a commit.
    public static let storeBatch = 256
    /// Rows that one purge takes away of each kind before other operations get their turn.
    public static let purge = 1_000
    /// Events that wait for the journal.
    public static let journalQueue = 8_192
    /// Revocations that are named when they are lost.
    public static let lostRevocations = 20
    /// Failures of one kind that are logged before those behind them are only counted.
    public static let floodBurst = 20
    /// How long they are counted before their number is told, in milliseconds.
    public static let floodWindow: Int64 = 10_000
    /// Kinds (what, operation, result, peer uid) that are counted apart.
    public static let floodKinds = 256

    // MARK: What the daemon says of itself
    /// Connections that watch events (MONITOR).
    public static let watchers = 16
    /// Bytes of events that may wait for one of them before it is dropped.
    public static let watcherBytes = 1_048_576
    /// Bytes of events that wait for the reactor to hand them to those who watch.
    public static let watchedBytes = 1_048_576
    /// Connections of one page of CLIENTS.
    public static let clients = 1_000
    /// Of so many requests of an operation that is answered at once, one is timed. A prime: no pattern of requests keeps in step with it.
    public static let timedRequests: Int64 = 61

    // MARK: The supervisor
    /// How often its status is told at most, in milliseconds.
    public static let statusInterval: Int64 = 5_000
    /// The longest status, in bytes: systemd takes no message above 4,096.
    public static let status = 1_024
    /// How soon a watchdog that could not be fed is tried again, in milliseconds.
    public static let feedRetry: Int64 = 500
    /// Messages that must arrive and wait until it reads.
    public static let notifications = 64

    // MARK: Time
    /// How long a stopping daemon answers what it was asked, in milliseconds. `[server] drain_timeout`.
    public var drain: Int64 = 10_000
    /// How long a daemon that has answered all waits for the store to close, if the time of `drain` is over, in milliseconds.
    public static let storeClose: Int64 = 1_000
    /// How long accepting pauses when descriptors run out, unless one is freed before, in milliseconds.
    public static let acceptPause: Int64 = 1_000
    /// How often expired sessions and revocations are purged, in milliseconds.
    public static let purgeInterval: Int64 = 300_000
    /// How long the wall clock must not have leapt ahead before things are purged by it alone, in milliseconds.
    public static let clockTrust: Int64 = 86_400_000
    /// How soon a session that could only be blocked in memory is tried again to be ended in the store, in milliseconds.
    public static let endRetry: Int64 = 5_000

    public init() {}
}

/// What tokens are made of and how long they last.
public struct TokenSettings: Sendable, Equatable {
    /// Seconds. `[token] access_expiry`.
    public var accessExpiry: Int64 = 15 * 60
    /// Seconds; starts anew with each REFRESH. `[token] refresh_expiry`.
    public var refreshExpiry: Int64 = 7 * 86_400
    /// Seconds; does not. `[token] session_max_age`.
    public var sessionMaxAge: Int64 = 90 * 86_400
    /// Seconds that `exp` and `nbf` of an access token may be off, `longestClockTolerance` at most. `[token] clock_tolerance`.
    public var clockTolerance: Int64 = 30
    /// How long after its `exp` a token is remembered as revoked, in seconds: whatever the tolerance may be set to later.
    public static let longestClockTolerance: Int64 = 3_600
    /// Seconds in which the last refresh token but one is answered with the current one again. `[token] refresh_grace`.
    public var refreshGrace: Int64 = 30
    /// `iss`. `[token] issuer`.
    public var issuer = "usher"
    /// The audiences that may be asked for; the first is the default. `[token] audiences`.
    public var audiences = ["usher"]
    /// `[token] algorithm`.
    public var algorithm = MACAlgorithm.hs256
    /// Which of `username`, `email` and `claims` (the custom ones) go into access tokens. `[token] personal_claims`.
    public var personalClaims: Set<PersonalClaim> = Set(PersonalClaim.allCases)

    public enum PersonalClaim: String, Sendable, CaseIterable {
        case username, email, claims
    }

    public init() {}
}
