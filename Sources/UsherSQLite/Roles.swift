public import UsherModel

extension Schema {
    /// What a role that no row has allows is nothing. `meta` counts the changes of any.
    static let roles: [StaticString] = [
        """
        CREATE TABLE roles (
            name TEXT NOT NULL PRIMARY KEY,
            permissions TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "INSERT INTO meta (name, value) VALUES ('roles_version', 0)",
    ]

    static func checkRoles(_ database: Database) throws(StoreFault) {
        try database.run("SELECT name, permissions FROM roles LIMIT 1")
    }
}

extension SQLiteStore {
    public func roles() async throws(UsherError) -> Roles {
        try await perform { transaction throws(StoreFault) in try transaction.roles() }
    }

    public func editRole(
        _ name: String, until: NumericDate, most: Int, audit: @escaping AuditNote<EditedRole>,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole {
        try await perform(audit) { transaction throws(StoreFault) in
            try transaction.editRole(name, until: until, most: most, change)
        }
    }
}

extension Transaction {
    fileprivate func roles() throws(StoreFault) -> Roles {
        let roles = try database.all("SELECT name, permissions FROM roles") { row throws(StoreFault) in try row.role() }
        return Roles(roles, version: try rolesVersion())
    }

    fileprivate func editRole(
        _ name: String, until: NumericDate, most: Int, _ change: ([Permission]?) throws(UsherError) -> [Permission]?
    ) throws(StoreFault) -> EditedRole {
        let before = try database.first("SELECT name, permissions FROM roles WHERE name = ?", [.text(name)]) {
            row throws(StoreFault) in try row.role()
        }
        let permissions: [Permission]?
        do throws(UsherError) { permissions = try change(before?.permissions) } catch { throw .refused(error) }
        let after = permissions.map { Role(name: name, permissions: $0) }
        guard after != before else {
            return EditedRole(name: name, before: before, after: after, roles: try roles(), revocation: nil)
        }
        if let after {
            if before == nil, try countRoles() >= most { throw .refused(.tooManyRoles(most)) }
            try database.run(
                "INSERT INTO roles (name, permissions) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET permissions = ?2",
                [.text(name), .text(PermissionList.write(after.permissions))])
        } else {
            try database.run("DELETE FROM roles WHERE name = ?", [.text(name)])
        }
        try database.run("UPDATE meta SET value = value + 1 WHERE name = 'roles_version'")
        // All sessions are looked at: those of one role no index tells, and roles change seldom.
        let last = try database.first("SELECT max(access_until) FROM sessions") {
            row throws(StoreFault) in try row.optionalInteger()
        }
        let roles = try roles()
        let revocation = Revocation(kind: .role, id: name, until: max(until, (last ?? nil) ?? 0), version: roles.version)
        _ = try revoke(revocation)
        return EditedRole(name: name, before: before, after: after, roles: roles, revocation: revocation)
    }

    private func countRoles() throws(StoreFault) -> Int64 {
        try database.first("SELECT count(*) FROM roles") { row throws(StoreFault) in try row.integer() } ?? 0
    }

    private func rolesVersion() throws(StoreFault) -> Int64 {
        let version = try database.first("SELECT value FROM meta WHERE name = 'roles_version'") {
            row throws(StoreFault) in try row.integer()
        }
        guard let version else { throw .unreadable("meta has no roles_version") }
        return version
    }
}

extension Row {
    fileprivate mutating func role() throws(StoreFault) -> Role {
        let name = text()
        guard let permissions = PermissionList.read(text()) else { throw .unreadable("the permissions of role \(name)") }
        return Role(name: name, permissions: permissions)
    }
}
