public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func account(_ id: UserID) async throws(UsherError) -> Account? {
        try await perform(.account) { () async throws(UsherError) in try await inner.account(id) }
    }

    public func edit(
        _ user: UserID, until: NumericDate, _ change: @escaping @Sendable (inout Account) throws(UsherError) -> Void
    ) async throws(UsherError) -> EditedAccount? {
        try await perform(.edit) { () async throws(UsherError) in try await inner.edit(user, until: until, change) }
    }

    public func delete(
        _ user: UserID, verified: PasswordHash?, until: NumericDate, audit: AuditNote<DeletedAccount?>?
    ) async throws(UsherError) -> DeletedAccount? {
        try await perform(.delete) { () async throws(UsherError) in
            try await inner.delete(user, verified: verified, until: until, audit: audit)
        }
    }

    public func sessions(of user: UserID, at now: NumericDate) async throws(UsherError) -> [Session] {
        try await perform(.sessions) { () async throws(UsherError) in try await inner.sessions(of: user, at: now) }
    }
}
