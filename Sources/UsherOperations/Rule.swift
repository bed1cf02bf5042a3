public import UsherModel

/// One `[[rule]]` of the settings: whom it is about, and what they may do.
public struct Rule: Sendable, Equatable {
    /// Whom: all that is given must hold. None given is everybody.
    public var socket: String?
    public var uid: UInt32?
    public var gid: UInt32?

    public var operations: OperationSet
    /// Of all to whom it applies together.
    public var rate: Rate?
    /// At most so many, of all to whom it applies together.
    public var connections: Share?
    /// Whether they may say at which address the end user is.
    public var mayNameAddresses = false
    /// Nil for any; otherwise the first is the default.
    public var audiences: [String]?

    public init(operations: OperationSet) { self.operations = operations }

    /// Of the connections that there may be in all.
    public enum Share: Sendable, Equatable {
        case count(Int)
        case percent(Int)

        func limit(of all: Int) -> Int {
            switch self {
            case .count(let count): count
            case .percent(let percent): max(all * percent / 100, 1)
            }
        }
    }

    /// - Parameter groups: all of the peer's, asked for only where it matters.
    func applies(to peer: Peer, _ groups: [UInt32], on socket: String) -> Bool {
        (self.socket ?? socket) == socket && (uid ?? peer.uid) == peer.uid
            && gid.map { $0 == peer.gid || groups.contains($0) } ?? true
    }
}

/// The rules in force. The first that applies decides.
///
/// The admin socket is outside of them: it is for root and the daemon's own user, who could change the rules.
public struct Rules {
    /// The socket that is open to apps where no rule says otherwise.
    public static let appSocket = "app"
    public static let adminSocket = "admin"

    private let rules: [(rule: Rule, rights: Rights)]
    private let app = Rights(everythingAt: .app)
    private let admin = Rights(everythingAt: .admin)
    private let nothing = Rights(Rule(operations: .none), number: nil, at: 0)

    /// - Parameter now: monotonic, in milliseconds.
    public init(_ rules: [Rule], at now: Int64) {
        self.rules = rules.enumerated().map { ($1, Rights($1, number: $0 + 1, at: now)) }
    }

    /// Whether `rights` is to be given groups.
    public var concernGroups: Bool { rules.contains { $0.rule.gid != nil } }

    /// Whom no rule applies to may call all that apps may on the socket `app`, and nothing on the others, unless there are no rules:
    /// a socket of a name that a rule gets wrong must not be open to all.
    public func rights(of peer: Peer, groups: [UInt32], on socket: String, at place: Operation.Place) -> Rights {
        switch place {
        case .admin: return admin
        case .app:
            if let found = rules.first(where: { $0.rule.applies(to: peer, groups, on: socket) }) { return found.rights }
            return socket == Self.appSocket || rules.isEmpty ? app : nothing
        }
    }
}
