/// The part of the store by which administrators look at accounts and change them.
public protocol AdministrationStore: Sendable {
    func find(_ key: AccountKey) async throws(UsherError) -> AccountRecord?

    /// Lets `change` alter an account, its password and its second factor, all in one transaction. `change` runs on the store's thread; what
    /// it throws is thrown here, with nothing changed. Where `Account.outdatesTokens` says so, the version is raised. Another password
    /// ends every session, and voids what could reset it. A second factor can only be taken away.
    /// - Parameter until: the last `exp` of any token that was issued for no session of the store's.
    /// - Returns: nil if there is no such account.
    /// - Throws: `account_exists` with the field.
    func administer(
        _ user: UserID, at now: NumericDate, until: NumericDate, audit: @escaping AuditNote<AdministeredAccount?>,
        _ change: @escaping @Sendable (inout AccountRecord) throws(UsherError) -> Void
    ) async throws(UsherError) -> AdministeredAccount?

    /// A page of the accounts that a query is about.
    func users(_ query: UserQuery) async throws(UsherError) -> UserPage
}

/// What an account is found by.
public enum AccountKey: Sendable, Equatable {
    case id(UserID)
    case name(LoginName)

    /// - Parameter raw: an id, an email (with an `@`) or a username. A username that looks like an id is none here: it could be made to stand
    ///   for another user.
    /// - Returns: nil if it cannot be any of these.
    public init?(parsing raw: String) {
        if let id = UUIDv7(parsing: raw) {
            self = .id(UserID(id))
        } else if let name = LoginName(parsing: raw) {
            self = .name(name)
        } else {
            return nil
        }
    }
}

/// An account as administrators see it.
public struct AccountRecord: Sendable, Equatable {
    public var account: Account
    /// Whether one is in force.
    public var hasSecondFactor: Bool

    public var user: User { account.user }

    public init(account: Account, hasSecondFactor: Bool = false) {
        self.account = account
        self.hasSecondFactor = hasSecondFactor
    }
}

/// An account that an administrator has changed.
public struct AdministeredAccount: Sendable {
    public let before: AccountRecord
    public let after: AccountRecord
    /// What must be refused from now on: its older tokens, if they say what has changed, and the sessions that have ended.
    public let revocations: [Revocation]

    public init(before: AccountRecord, after: AccountRecord, revocations: [Revocation]) {
        self.before = before
        self.after = after
        self.revocations = revocations
    }

    public var endedSessions: Int { revocations.count { $0.kind == .session } }
}

/// Which accounts are asked for.
public struct UserQuery: Sendable, Equatable {
    /// What the username or the email begins with, without regard to case; nil for all.
    public var search: String?
    public var role: String?
    public var isDisabled: Bool?
    /// The last account of the page before, by its id; with a `search`, by the name that it was found by.
    public var after: AccountKey?
    /// How many at most.
    public var most: Int
    /// With what is past it no account begins.
    public var bytes: Int

    public init(
        search: String? = nil, role: String? = nil, isDisabled: Bool? = nil, after: AccountKey? = nil, most: Int,
        bytes: Int = Limits.exportBytes
    ) {
        self.search = search
        self.role = role
        self.isDisabled = isDisabled
        self.after = after
        self.most = most
        self.bytes = bytes
    }

    /// Whether an account that the search has found, or that has been come across where there is none, is asked for.
    public func admits(_ account: Account) -> Bool {
        role.map { $0.utf8.elementsEqual(account.user.role.utf8) } ?? true && isDisabled.map { $0 == account.isDisabled } ?? true
    }
}

/// Some of the accounts of a query: without a search in the order of their ids, otherwise those found by their username, in the order of
/// these, and then those found by their email alone, likewise.
public struct UserPage: Sendable {
    public let users: [AccountRecord]
    /// The `after` of the next page; nil if this is the last. There may be a next one though this one is not full, or empty: no page
    /// makes the store look at more than `Limits.listScan` accounts.
    public let next: AccountKey?

    public init(users: [AccountRecord], next: AccountKey?) {
        self.users = users
        self.next = next
    }
}
