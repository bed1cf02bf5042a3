public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func roles() async throws(UsherError) -> Roles {
        try await perform(.roles) { () async throws(UsherError) in try await inner.roles() }
    }

    public func editRole(
        _ name: String, until: NumericDate, most: Int, audit: @escaping AuditNote<EditedRole>,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole {
        try await perform(.editRole) { () async throws(UsherError) in
            try await inner.editRole(name, until: until, most: most, audit: audit, change)
        }
    }
}
