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
            guard after != before else {
                return EditedRole(name: name, before: before, after: after, roles: state.roles, revocation: nil)
            }
            guard before != nil || state.roles.byName.count < most else { throw .tooManyRoles(most) }
            let last = state.sessions.values.map(\.session.accessUntil).max() ?? 0
            state.roles.set(name, to: after)
            let revocation = Revocation(kind: .role, id: name, until: max(until, last), version: state.roles.version)
            _ = state.revoke(revocation)
            return EditedRole(name: name, before: before, after: after, roles: state.roles, revocation: revocation)
        }
    }
}
