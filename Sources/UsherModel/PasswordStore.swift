/// The part of the store that replaces passwords. Whatever a new password is to end, it ends in the same transaction.
public protocol PasswordStore: Sendable {
    /// Replaces the password of somebody who knows it, ends their other sessions, and voids what could reset it.
    /// - Parameters:
    ///   - verified: the hash that the password was checked against; the account must still have it.
    ///   - kept: the session that goes on.
    /// - Returns: what must be refused from now on; nil, with nothing changed, if the account has another hash by now.
    /// - Throws: `token_revoked` if the account is gone, `account_disabled`.
    func changePassword(
        of user: UserID, from verified: PasswordHash, to hash: PasswordHash, keeping kept: SessionID, at now: NumericDate
    ) async throws(UsherError) -> [Revocation]?

    /// Uses a token up, sets the password, ends every session, and voids every other one-time token of the user. As the token came by
    /// mail, the email counts as confirmed; where no email of the account ever was before, its second factor is taken away.
    /// Where it was logged in to from is forgotten: a thief may have been among them.
    /// - Throws: what `FoundToken.account(of:at:)` throws.
    func resetPassword(by digest: String, to hash: PasswordHash, at now: NumericDate) async throws(UsherError) -> PasswordReset
}

public struct PasswordReset: Sendable {
    public let user: User
    /// What must be refused from now on.
    public let ended: [Revocation]

    public init(user: User, ended: [Revocation]) {
        self.user = user
        self.ended = ended
    }
}
