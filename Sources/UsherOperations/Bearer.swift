import UsherJSON
import UsherModel
import UsherToken

/// Whose access token came with a request that concerns the account itself. The token was good when the request was read.
struct Bearer: Sendable {
    let user: UserID
    let session: SessionID
    /// The `exp` of the token, which may be later than any of the daemon's own: it may have been made elsewhere.
    let until: NumericDate
    /// Its `jti` and its `ver`.
    let token: String
    let version: Int64
}

extension JSONReader {
    /// The bearer of `token` or `authorization`; `audience` as with VERIFY.
    /// - Throws: what VERIFY throws; `token_invalid` for a token that names no user or session of this daemon's.
    func bearer(in line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError) -> Bearer {
        let audience = try tokenAudience(in: line, rights)
        return try withToken(in: line) { text throws(UsherError) in
            let token = try service.verify(text, audience: audience)
            let (user, session, until) = (UUIDv7(parsing: token.userID()), UUIDv7(parsing: token.sessionID()), token.until())
            let (id, version) = (token.id(), token.version)
            service.issuer.recycle(token)
            guard let user, let session else {
                throw UsherError(.tokenInvalid, "The token is of no account of this daemon.")
            }
            return Bearer(user: UserID(user), session: SessionID(session), until: until, token: id, version: version)
        }
    }
}

extension AuthService {
    /// The account of a bearer, as it is now.
    /// - Throws: `rate_limited`; `token_revoked` if it is gone, or the token was revoked since; `account_disabled`.
    func account(of bearer: Bearer, as attempt: Attempt) async throws(UsherError) -> Account {
        try countRequest(of: bearer.user, attempt)
        guard let account = try await store.account(bearer.user) else { throw UsherError(.tokenRevoked) }
        attempt.user = account.user
        guard !account.isDisabled else { throw UsherError(.accountDisabled) }
        try requireLive(bearer)
        return account
    }

    /// Asks a bearer for the password, as LOGIN would: the attempt is throttled with those of LOGIN, and `attempt.client` says whence it came.
    /// - Parameter work: done on the same thread once the password is right: to hash a new one takes no second place in the queue.
    /// - Returns: the account, whose `passwordHash` is the one that the password was checked against, and what `work` returned. Whoever
    ///   writes to the account makes sure that it still has that hash.
    /// - Throws: as `account(of:as:)`; `rate_limited`; `invalid_credentials`; `busy`; what `work` throws.
    func reauthenticate<Result: Sendable>(
        _ bearer: Bearer, password: SharedSecret, as attempt: Attempt,
        then work: @escaping @Sendable (any PasswordHasher, Account) throws(UsherError) -> Result
    ) async throws(UsherError) -> (Account, Result) {
        let name = try await account(of: bearer, as: attempt).user.username
        let found = try await store.lookUp(.username(name))
        guard let account = found.account, account.user.id == bearer.user else { throw UsherError(.tokenRevoked) }
        let outcome = try await throttled(name.folded, found, attempt) { () async throws(UsherError) in
            try await workers.run(for: attempt.caller) { hasher throws(UsherError) in
                guard try hasher.verify(password.bytes, against: account.passwordHash) else {
                    throw UsherError(.invalidCredentials, "The password is wrong.")
                }
                return Swift.Result { () throws(UsherError) in try work(hasher, account) }
            }
        }
        try requireLive(bearer)
        return (account, try outcome.get())
    }
}
