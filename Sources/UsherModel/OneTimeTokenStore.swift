/// What a one-time token is for.
public enum TokenPurpose: Int, Sendable, CaseIterable {
    /// To set a new password.
    case reset = 0
    /// To confirm that an email reaches its user.
    case confirmation = 1
}

/// Whom a one-time token is for.
public enum TokenRecipient: Sendable {
    case user(UserID)
    case email(Email)
}

/// A one-time token as the store has it: the token itself is with its recipient alone.
public struct StoredToken: Sendable {
    public let digest: String
    public let purpose: TokenPurpose
    public let expiresAt: NumericDate

    public init(digest: String, purpose: TokenPurpose, expiresAt: NumericDate) {
        self.digest = digest
        self.purpose = purpose
        self.expiresAt = expiresAt
    }
}

/// A one-time token that somebody shows, as the store found it.
public struct FoundToken: Sendable {
    public let account: Account
    /// Where it was sent.
    public let email: Email
    public let expiresAt: NumericDate

    public init(account: Account, email: Email, expiresAt: NumericDate) {
        self.account = account
        self.email = email
        self.expiresAt = expiresAt
    }

    /// The account that a token may change.
    /// - Parameter found: nil for one that is not known, or was used.
    /// - Throws: `token_invalid`, also when the account has another email by now; `token_expired`; `account_disabled`.
    public static func account(of found: FoundToken?, at now: NumericDate) throws(UsherError) -> Account {
        guard let found, found.email.folded == found.account.user.email.folded else { throw UsherError(.tokenInvalid) }
        guard now < found.expiresAt else { throw UsherError(.tokenExpired, detail: .expiredAt(found.expiresAt)) }
        guard !found.account.isDisabled else { throw UsherError(.accountDisabled) }
        return found.account
    }
}

extension Account {
    /// Whether a one-time token would be of use to it.
    public func mayHaveToken(for purpose: TokenPurpose) -> Bool {
        switch purpose {
        case .reset: !isDisabled
        case .confirmation: !isDisabled && !user.emailVerified
        }
    }
}

/// The part of the store that has one-time tokens. The digest of one tells its purpose, too: a token of one is unknown for another.
public protocol OneTimeTokenStore: Sendable {
    /// Adds a token for an account's present email, if the account may have it (`Account.mayHaveToken`). The oldest of the same user and
    /// purpose gives way if there are more than `Limits.oneTimeTokens`. Where there is no such account, something else is written, so
    /// that it takes as long.
    /// - Returns: whom it is for; nil for nobody.
    func issue(_ token: StoredToken, to recipient: TokenRecipient) async throws(UsherError) -> User?

    /// The token of a digest, expired ones included; nil if there is none.
    func oneTimeToken(_ digest: String) async throws(UsherError) -> FoundToken?

    /// Uses a token up and confirms the email that it was sent to.
    /// - Throws: what `FoundToken.account(of:at:)` throws, as everywhere where a token is used up.
    func confirmEmail(by digest: String, at now: NumericDate) async throws(UsherError) -> User
}
