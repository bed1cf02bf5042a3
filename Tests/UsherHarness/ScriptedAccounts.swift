public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func issue(_ token: StoredToken, to recipient: TokenRecipient) async throws(UsherError) -> User? {
        try await perform(.issue) { () async throws(UsherError) in try await inner.issue(token, to: recipient) }
    }

    public func oneTimeToken(_ digest: String) async throws(UsherError) -> FoundToken? {
        try await perform(.oneTimeToken) { () async throws(UsherError) in try await inner.oneTimeToken(digest) }
    }

    public func confirmEmail(by digest: String, at now: NumericDate) async throws(UsherError) -> User {
        try await perform(.confirmEmail) { () async throws(UsherError) in try await inner.confirmEmail(by: digest, at: now) }
    }

    public func changePassword(
        of user: UserID, from verified: PasswordHash, to hash: PasswordHash, keeping kept: SessionID, at now: NumericDate
    ) async throws(UsherError) -> [Revocation]? {
        try await perform(.changePassword) { () async throws(UsherError) in
            try await inner.changePassword(of: user, from: verified, to: hash, keeping: kept, at: now)
        }
    }

    public func resetPassword(
        by digest: String, to hash: PasswordHash, at now: NumericDate
    ) async throws(UsherError) -> PasswordReset {
        try await perform(.resetPassword) { () async throws(UsherError) in
            try await inner.resetPassword(by: digest, to: hash, at: now)
        }
    }
}
