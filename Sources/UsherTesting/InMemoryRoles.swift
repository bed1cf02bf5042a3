public import UsherModel

extension InMemoryStore {
    public func roles() async throws(UsherError) -> Roles {
        try perform { state throws(UsherError) in state.roles }
    }

    public func editRole(
        _ name: String, until: NumericDate, most: Int, audit: @escaping AuditNote<EditedRole>,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole {
        try perform(audit) { state throws(UsherError) in
            let before = state.roles.byName[name]
            let after = try change(before?.permissions).map { Role(name: name, permissions: $0) }
            let version = state.roles.version
            guard after != before else {
                return EditedRole(name: name, before: before, after: after, version: version, revocation: nil)
            }
            guard before != nil || state.roles.byName.count < most else { throw .tooManyRoles(most) }
            let last = state.sessions.values.map(\.session.accessUntil).max() ?? 0
            let revocation = Revocation(kind: .role, id: name, until: max(until, last), version: version + 1)
            _ = state.revoke(revocation)
            let edited = EditedRole(name: name, before: before, after: after, version: version + 1, revocation: revocation)
            state.roles.adopt(edited)
            return edited
        }
    }
}
