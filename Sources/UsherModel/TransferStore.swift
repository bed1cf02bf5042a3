/// The part of the store that takes in and gives out accounts by the thousand, with their password hashes.
///
/// What is to be taken in is staged first, where nobody sees it, and then made accounts of in one transaction. A store that is opened
/// anew has nothing staged.
public protocol TransferStore: Sendable {
    /// Forgets what is staged.
    func clearStage() async throws(UsherError)

    /// Adds to what is staged: all of `accounts`, or none.
    /// - Returns: how many are staged now.
    /// - Throws: `account_exists` with line and field, if an account or one that is staged has the same id, username or email.
    func stage(_ accounts: [StagedAccount]) async throws(UsherError) -> Int

    /// Makes accounts of all that is staged, if these are `count`, or of none. Nothing is staged any more then.
    func commitStage(of count: Int, audit: @escaping AuditNote<StageOutcome>) async throws(UsherError) -> StageOutcome

    /// The accounts behind `id` in the order of their ids, from the first one if it is nil.
    /// - Parameters:
    ///   - most: how many at most.
    ///   - bytes: with what is past it no account begins.
    func accounts(
        after id: UserID?, most: Int, bytes: Int, audit: @escaping AuditNote<AccountPage>
    ) async throws(UsherError) -> AccountPage
}

/// An account that is to be taken in, and where it comes from.
public struct StagedAccount: Sendable {
    /// Of the file, from 1.
    public let line: Int
    public let account: Account

    public init(line: Int, account: Account) {
        self.line = line
        self.account = account
    }
}

public enum StageOutcome: Sendable, Equatable {
    case committed
    /// As many were staged, and none is an account now.
    case otherCount(Int)
    /// Since it was staged, another account has taken the id, the username or the email of that line.
    case taken(line: Int, field: String)
}

public struct AccountPage: Sendable {
    public let accounts: [Account]
    /// Whether there are accounts behind the last one.
    public let hasMore: Bool

    public init(accounts: [Account], hasMore: Bool) {
        self.accounts = accounts
        self.hasMore = hasMore
    }
}

extension Account {
    /// About what it takes when it is written, in bytes.
    public var size: Int {
        user.claims.utf8.count + user.permissions.reduce(0) { $0 + $1.text.utf8.count } + passwordHash.text.utf8.count + 512
    }
}

extension UsherError {
    /// - Parameters:
    ///   - field: what both have in common.
    ///   - other: the line of the other, if that is to be taken in, too.
    public static func taken(_ field: String, line: Int, other: Int? = nil) -> UsherError {
        UsherError(
            .accountExists, "Line \(line): \(other.map { "line \($0)" } ?? "another account") has this \(field).",
            detail: .line(line, field: field))
    }
}
