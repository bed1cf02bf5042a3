public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func find(_ key: AccountKey) async throws(UsherError) -> AccountRecord? {
        try await perform(.find) { () async throws(UsherError) in try await inner.find(key) }
    }

    public func administer(
        _ user: UserID, at now: NumericDate, until: NumericDate, audit: @escaping AuditNote<AdministeredAccount?>,
        _ change: @escaping @Sendable (inout AccountRecord) throws(UsherError) -> Void
    ) async throws(UsherError) -> AdministeredAccount? {
        try await perform(.administer) { () async throws(UsherError) in
            try await inner.administer(user, at: now, until: until, audit: audit, change)
        }
    }

    public func users(_ query: UserQuery) async throws(UsherError) -> UserPage {
        try await perform(.users) { () async throws(UsherError) in try await inner.users(query) }
    }
}
