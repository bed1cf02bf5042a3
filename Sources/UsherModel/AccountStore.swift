/// The part of the store that changes accounts, and shows them their sessions.
public protocol AccountStore: Sendable {
    func account(_ id: UserID) async throws(UsherError) -> Account?

    /// Lets `change` alter an account, all in one transaction; its password is not for it to alter. `change` runs on the store's thread; what
    /// it throws is thrown here, with nothing changed. Where `Account.outdatesTokens` says so, the version is raised; with another
    /// email all one-time tokens are void.
    /// - Parameter until: the last `exp` of any token that was issued for no session of the store's.
    /// - Returns: nil if there is no such account.
    /// - Throws: `account_exists` with the field.
    func edit(
        _ user: UserID, until: NumericDate, _ change: @escaping @Sendable (inout Account) throws(UsherError) -> Void
    ) async throws(UsherError) -> EditedAccount?

    /// Takes away an account and all that hangs on it. Its name and email are free again, its id never.
    /// - Parameters:
    ///   - verified: the hash that the account must still have; nil for whichever it has.
    ///   - until: as for `edit`.
    /// - Returns: nil, with nothing changed, if there is no such account with that hash.
    func delete(
        _ user: UserID, verified: PasswordHash?, until: NumericDate, audit: AuditNote<DeletedAccount?>?
    ) async throws(UsherError) -> DeletedAccount?

    /// The sessions of a user that can be refreshed at `now`, the one used last first.
    func sessions(of user: UserID, at now: NumericDate) async throws(UsherError) -> [Session]
}

/// An account that is gone.
public struct DeletedAccount: Sendable, Equatable {
    /// As it was.
    public let record: AccountRecord
    /// What refuses its tokens from now on.
    public let revocation: Revocation

    public init(record: AccountRecord, revocation: Revocation) {
        self.record = record
        self.revocation = revocation
    }
}

/// An account that was changed.
public struct EditedAccount: Sendable, Equatable {
    public let account: Account
    /// What refuses its older tokens from now on; nil if they say nothing that has changed.
    public let revocation: Revocation?

    public init(account: Account, revocation: Revocation?) {
        self.account = account
        self.revocation = revocation
    }
}
