/// The part of the store that keeps what administrators did.
public protocol AuditStore: Sendable {
    /// A page of the acts that a query is about, the latest first.
    func acts(_ query: AuditQuery) async throws(UsherError) -> AuditPage

    /// Forgets acts from before `before`, and all but the latest `kept`. Takes away at most `most` for either reason.
    /// - Returns: whether there may be more.
    func pruneActs(before: NumericDate, keeping kept: Int, most: Int) async throws(UsherError) -> Bool
}

/// What is to be kept of an act, made of what came of it; nil if nothing is. It runs on the store's thread, and what it makes is written in the
/// act's own transaction: neither is ever there without the other.
public typealias AuditNote<Answer> = @Sendable (Answer) -> AuditEntry?

/// An act of an administrator. Holds no secret.
public struct AuditEntry: Sendable, Equatable {
    public let at: NumericDate
    /// The operation, in capitals.
    public let op: String
    public let actor: Actor
    public let subject: Subject?
    public let change: Event.Change

    /// Who acted.
    public struct Actor: Sendable, Equatable {
        public let uid: UInt32
        /// Nil for a uid without one.
        public let loginName: String?

        public init(uid: UInt32, loginName: String?) {
            self.uid = uid
            self.loginName = loginName
        }
    }

    /// What it was done to.
    public enum Subject: Sendable, Equatable {
        /// Named as it was called after the act, or before it was deleted.
        case user(UserID, username: String)
        case role(String)
    }

    public init(at: NumericDate, op: String, actor: Actor, subject: Subject?, change: Event.Change) {
        self.at = at
        self.op = op
        self.actor = actor
        self.subject = subject
        self.change = change
    }
}

/// An act that was kept, and its number: later ones have higher ones, and none is given twice.
public struct AuditRecord: Sendable, Equatable {
    public let id: Int64
    public let entry: AuditEntry

    public init(id: Int64, entry: AuditEntry) {
        self.id = id
        self.entry = entry
    }

    /// About what it takes when it is written, in bytes.
    public var size: Int { (entry.change.before?.utf8.count ?? 0) + (entry.change.after?.utf8.count ?? 0) + 512 }
}

/// Which acts are asked for.
public struct AuditQuery: Sendable, Equatable {
    /// Those that were done to one user, who may be gone.
    public var user: UserID?
    /// Those of one actor, a uid.
    public var actor: UInt32?
    /// Those by one operation, in capitals.
    public var op: String?
    /// Those before this one.
    public var before: Int64?
    /// How many at most.
    public var most: Int
    /// With what is past it no act begins.
    public var bytes: Int

    public init(
        user: UserID? = nil, actor: UInt32? = nil, op: String? = nil, before: Int64? = nil, most: Int,
        bytes: Int = Limits.exportBytes
    ) {
        self.user = user
        self.actor = actor
        self.op = op
        self.before = before
        self.most = most
        self.bytes = bytes
    }

    /// Whether an act that has been come across is asked for.
    public func admits(_ entry: AuditEntry) -> Bool {
        if let user {
            guard case .user(user, _)? = entry.subject else { return false }
        }
        return actor.map { $0 == entry.actor.uid } ?? true && op.map { $0 == entry.op } ?? true
    }
}

/// Some of the acts of a query.
public struct AuditPage: Sendable, Equatable {
    public let acts: [AuditRecord]
    /// The `before` of the next page; nil if this is the last. There may be a next one though this one is not full, or empty: no page
    /// makes the store look at more than `Limits.listScan` acts.
    public let next: Int64?

    public init(acts: [AuditRecord], next: Int64?) {
        self.acts = acts
        self.next = next
    }
}

/// A page that is being gathered.
public struct GatheredActs: Sendable {
    private let query: AuditQuery
    private var acts: [AuditRecord] = []
    private var next: Int64?
    private var last: Int64?
    private var size = 0
    private var seen = 0

    public init(_ query: AuditQuery) { self.query = query }

    /// Whether it takes no more.
    public var isFull: Bool { acts.count >= query.most || size >= query.bytes || seen >= Limits.listScan }

    /// - Parameter record: the next one, the latest first.
    public mutating func take(_ record: AuditRecord) {
        guard !isFull else {
            next = last
            return
        }
        last = record.id
        seen += 1
        guard query.admits(record.entry) else { return }
        size += record.size
        acts.append(record)
    }

    public var page: AuditPage { AuditPage(acts: acts, next: next) }
}
