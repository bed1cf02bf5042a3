import UsherModel

extension Transaction {
    func account(_ name: LoginName) throws(StoreFault) -> Account? {
        switch name {
        case .username(let username):
            try database.first(
                """
                SELECT id, username, email, password_hash, role, permissions, claims, email_verified, disabled, created_at,
                    last_login_at, version FROM users WHERE username_folded = ?
                """, [.text(username.folded)]
            ) { row throws(StoreFault) in try row.account() }
        case .email(let email):
            try database.first(
                """
                SELECT id, username, email, password_hash, role, permissions, claims, email_verified, disabled, created_at,
                    last_login_at, version FROM users WHERE email_folded = ?
                """, [.text(email.folded)]
            ) { row throws(StoreFault) in try row.account() }
        }
    }

    func account(_ id: UserID) throws(StoreFault) -> Account? {
        try database.first(
            """
            SELECT id, username, email, password_hash, role, permissions, claims, email_verified, disabled, created_at,
                last_login_at, version FROM users WHERE id = ?
            """, [.id(id.uuid)]
        ) { row throws(StoreFault) in try row.account() }
    }

    func takenField(username: Username, email: Email) throws(StoreFault) -> String? {
        let hasUsername = try database.first("SELECT 1 FROM users WHERE username_folded = ?", [.text(username.folded)]) {
            (_) throws(StoreFault) in true
        }
        if hasUsername == true { return "username" }
        let hasEmail = try database.first("SELECT 1 FROM users WHERE email_folded = ?", [.text(email.folded)]) {
            (_) throws(StoreFault) in true
        }
        return hasEmail == true ? "email" : nil
    }

    func create(_ account: Account, session: Session?) throws(StoreFault) {
        let user = account.user
        if let field = try takenField(username: user.username, email: user.email) {
            throw .refused(UsherError(.accountExists, detail: .field(field)))
        }
        try database.run(
            """
            INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, role, permissions, claims,
                email_verified, disabled, created_at, last_login_at, version)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .id(user.id.uuid), .text(user.username.text), .text(user.username.folded), .text(user.email.text),
                .text(user.email.folded), .text(account.passwordHash.text), .text(user.role),
                .text(PermissionList.write(user.permissions)), .text(user.claims), .flag(user.emailVerified),
                .flag(account.isDisabled), .integer(user.createdAt), .optional(user.lastLoginAt), .integer(user.version),
            ])
        try count(account.passwordHash, 1)
        if let session { try insert(session) }
    }

    /// Keeps count of the users whose hash is of that setting.
    func count(_ hash: PasswordHash, _ change: Int64) throws(StoreFault) {
        try database.run(
            """
            INSERT INTO hash_settings (setting, users) VALUES (?1, max(?2, 0))
            ON CONFLICT (setting) DO UPDATE SET users = max(users + ?2, 0)
            """, [.text(hash.setting), .integer(change)])
    }

    func open(_ login: Login) throws(StoreFault) -> LoginOutcome {
        let id = login.session.user
        guard let account = try account(id), account.passwordHash == login.verified else { return .stale }
        guard !account.isDisabled else { return .disabled }
        if let hash = login.replacement { try replace(login.verified, by: hash, of: id) }
        if let outcome = try checkSecondFactor(of: login) { return outcome }
        var user = account.user
        user.lastLoginAt = login.session.createdAt
        try database.run(
            "UPDATE users SET last_login_at = ? WHERE id = ?", [.integer(login.session.createdAt), .id(id.uuid)])
        try insert(login.session)
        let ended = try endSessions(of: id, beyond: login.maxSessions, at: login.session.createdAt)
        return .opened(user, ended: ended)
    }

    private func replace(_ old: PasswordHash, by new: PasswordHash, of user: UserID) throws(StoreFault) {
        try database.run("UPDATE users SET password_hash = ? WHERE id = ?", [.text(new.text), .id(user.uuid)])
        guard new.setting != old.setting else { return }
        try count(old, -1)
        try count(new, 1)
    }
}

extension Row {
    /// The columns of `users` without those that are folded, in the order of the table.
    mutating func account() throws(StoreFault) -> Account {
        let id = UserID(try id())
        let username = Username(stored: text())
        let email = Email(stored: text())
        let hash = PasswordHash(text())
        let role = text()
        guard let permissions = PermissionList.read(text()) else { throw .unreadable("the permissions of user \(id)") }
        let claims = text()
        let isVerified = flag()
        let isDisabled = flag()
        let user = User(
            id: id, username: username, email: email, role: role, permissions: permissions, claims: claims,
            emailVerified: isVerified, createdAt: try integer(), lastLoginAt: try optionalInteger(),
            version: try integer())
        return Account(user: user, passwordHash: hash, isDisabled: isDisabled)
    }
}
