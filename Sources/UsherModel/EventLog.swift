/// Something that an operator may want to know of. Holds no secret.
public struct Event: Sendable, Equatable {
    /// What kind of event; each has its own MESSAGE_ID.
    public enum Kind: String, Sendable, CaseIterable {
        case ready, stopping, stopped
        /// The run before this one did not come to an orderly end.
        case crashed
        /// Settings and secrets were read anew and are in force.
        case reloaded
        /// They were no good: those from before stay in force.
        case reloadFailed
        case register, login, refresh, refreshReuse, revoke
        /// PROFILE that changes something.
        case profile
        case sessions, delete
        /// TOTP: a second factor was asked about, enrolled, or an action on it was refused.
        case totp
        /// A second factor was put in force, or taken away.
        case secondFactorOn, secondFactorOff
        /// A recovery code stood in for a second factor at LOGIN.
        case recoveryCode
        case password, recover, reset, confirm
        /// Users were brought along, or given out with their password hashes.
        case imported, exported
        /// A copy of the database was made.
        case backedUp
        /// What an administrator did with an account, or looked at.
        case userAdded, userChanged, userDeleted, userLoggedOut, userShown
        /// An administrator has changed, made or deleted a role.
        case roleChanged
        /// VERIFY, AUTHORIZE, or PROFILE that changes nothing, at debug level.
        case verify
        /// An operation that the peer may not call, a line that cannot be read, and the like.
        case refused
        /// A failure of ours: `internal`, `store_unavailable`.
        case failure
        /// The store has gone back in time: a refresh token of a generation that it does not know.
        case storeRollback
        case storeRecovered
        /// The daemon stops, and what it refused in memory alone is not refused any more.
        case revocationsLost
        /// The daemon is at one of its limits: descriptors, connections.
        case limit
        /// Password hashing makes no progress, and the watchdog will end the daemon.
        case hanging
        /// Events were dropped because the journal did not keep up.
        case dropped
        /// The number of events that were not logged because there were too many like them.
        case repeated
        case notice
    }

    /// What an act has changed: before and after it, as the text of JSON objects that have the members that differ. Nil where there was
    /// nothing before, or is nothing after. No password and no hash is in them.
    public struct Change: Sendable, Equatable {
        public let before: String?
        public let after: String?

        public init(before: String?, after: String?) {
            self.before = before
            self.after = after
        }
    }

    /// As syslog(3) has them.
    public enum Priority: Int, Sendable, Comparable {
        case critical = 2
        case error = 3
        case warning = 4
        case notice = 5
        case info = 6
        case debug = 7

        public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
    }

    public var kind: Kind
    public var priority: Priority
    public var message: String
    /// The operation, in capitals.
    public var op: String?
    /// `ok`, or the error code.
    public var result: String?
    public var user: String?
    public var userID: UserID?
    public var peer: Peer?
    /// The login name of the peer, where it is an administrator.
    public var peerName: String?
    public var clientAddress: IPAddress?
    /// The request's `id`, as it came.
    public var request: String?
    /// How many events this one stands for, and the peer's uid that they have in common: of a summary alone.
    public var count: Int?
    /// What an administrator has changed.
    public var change: Change?
    public var peerUID: UInt32?
    /// The settings and secrets that a reload has put in force, and those that it found changed and only a restart puts in force.
    public var changed: [String] = []
    public var pending: [String] = []
    /// Whether nothing came of a request that was granted: anybody can ask it a million times.
    public var isWithoutEffect = false

    public init(
        _ kind: Kind, _ priority: Priority, _ message: String, op: String? = nil, result: String? = nil, user: String? = nil,
        userID: UserID? = nil, peer: Peer? = nil, clientAddress: IPAddress? = nil, request: String? = nil
    ) {
        self.kind = kind
        self.priority = priority
        self.message = message
        self.op = op
        self.result = result
        self.user = user
        self.userID = userID
        self.peer = peer
        self.clientAddress = clientAddress
        self.request = request
    }
}

/// The port to the journal.
public protocol EventLog: Sendable {
    /// Events below this are not worth making.
    var threshold: Event.Priority { get }
    /// Takes the event and returns at once; where it cannot keep up, it drops and counts.
    func record(_ event: Event)
    /// From now on each event that is logged is also given to `watcher`, on whatever thread logs it: it must not block. Nil: to nobody.
    func watch(_ watcher: (@Sendable (Event) -> Void)?)
}
