import UsherJSON
import UsherModel
import UsherToken

/// A one-time token that the app is to send by mail.
struct IssuedToken: Sendable {
    let text: String
    /// Seconds.
    let expiresIn: Int64
    /// Whose it is; it is to be sent to their email.
    let user: User
}

/// What RECOVER and CONFIRM hand out: a token, or null for whom there is none.
struct TokenIssue: Output {
    let name: StaticString
    let token: IssuedToken?

    func write(to writer: inout JSONWriter) {
        writer.name(name)
        guard let token else { return writer.null() }
        writer.value(token.text)
        writer.member("expires_in", token.expiresIn)
        writer.member("email", token.user.email.text)
    }
}

extension AuthService {
    /// - Returns: nil if there is no such account, or such a token would be of no use to it.
    func issueToken(for purpose: TokenPurpose, to recipient: TokenRecipient) async throws(UsherError) -> IssuedToken? {
        let token = OneTimeToken(random: random)
        let expiresIn = accounts.expiry(of: purpose)
        let stored = StoredToken(
            digest: token.digest(for: purpose, hash: hash), purpose: purpose, expiresAt: clock.now() + expiresIn)
        guard let user = try await store.issue(stored, to: recipient) else { return nil }
        return IssuedToken(text: token.text, expiresIn: expiresIn, user: user)
    }

    /// The account that a token may change, looked up before anything else is done for it; the store has the last word.
    /// - Throws: `rate_limited`, `token_invalid`, `token_expired`, `account_disabled`.
    func account(holding digest: String, as attempt: Attempt) async throws(UsherError) -> Account {
        try countRequest(from: attempt.client.address, attempt)
        let found = try await store.oneTimeToken(digest)
        attempt.user = found?.account.user
        return try FoundToken.account(of: found, at: clock.now())
    }
}
