public import UsherModel

extension Schema {
    /// Accounts that are to be taken in, until they are. Only of the running daemon: `clearStage` empties it at start.
    static let stage: [StaticString] = [
        """
        CREATE TABLE stage (
            line INTEGER NOT NULL,
            id BLOB NOT NULL PRIMARY KEY,
            username TEXT NOT NULL,
            username_folded TEXT NOT NULL UNIQUE,
            email TEXT NOT NULL,
            email_folded TEXT NOT NULL UNIQUE,
            password_hash TEXT NOT NULL,
            role TEXT NOT NULL,
            permissions TEXT NOT NULL,
            claims TEXT NOT NULL,
            email_verified INTEGER NOT NULL,
            disabled INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            last_login_at INTEGER,
            hash_setting TEXT NOT NULL
        ) STRICT
        """
    ]
}

extension SQLiteStore {
    public func clearStage() async throws(UsherError) {
        try await perform { transaction throws(StoreFault) in try transaction.database.clearStage() }
    }

    public func stage(_ accounts: [StagedAccount]) async throws(UsherError) -> Int {
        try await perform { transaction throws(StoreFault) in
            for account in accounts { try transaction.stage(account) }
            return try transaction.stagedCount()
        }
    }

    public func commitStage(of count: Int, audit: @escaping AuditNote<StageOutcome>) async throws(UsherError) -> StageOutcome {
        try await perform(audit) { transaction throws(StoreFault) in
            let outcome = try transaction.commitStage(of: count)
            try transaction.database.clearStage()
            return outcome
        }
    }

    public func accounts(
        after id: UserID?, most: Int, bytes: Int, audit: @escaping AuditNote<AccountPage>
    ) async throws(UsherError) -> AccountPage {
        try await perform(audit) { transaction throws(StoreFault) in try transaction.accounts(after: id, most: most, bytes: bytes)
        }
    }
}

extension Database {
    /// Without a WHERE all is deleted at once, however much it is.
    func clearStage() throws(StoreFault) {
        let hasAny = try first("SELECT 1 FROM stage LIMIT 1") { (_) throws(StoreFault) in true }
        if hasAny == true { try run("DELETE FROM stage") }
    }
}

extension Transaction {
    fileprivate func stage(_ staged: StagedAccount) throws(StoreFault) {
        let account = staged.account
        let user = account.user
        let key: [Value] = [.text(user.username.folded), .text(user.email.folded), .id(user.id.uuid)]
        let taken = try database.first(
            """
            SELECT CASE WHEN username_folded = ?1 THEN 'username' WHEN email_folded = ?2 THEN 'email' ELSE 'id' END
            FROM users WHERE username_folded = ?1 OR email_folded = ?2 OR id = ?3
            """, key
        ) { row throws(StoreFault) in row.text() }
        if let taken { throw .refused(.taken(taken, line: staged.line)) }
        // The tokens of a deleted account are refused by its id.
        let isRevoked = try database.first(
            "SELECT 1 FROM revocations WHERE kind = ? AND id = ?",
            [.integer(Int64(Revocation.Kind.user.rawValue)), .text(user.id.description)]
        ) { (_) throws(StoreFault) in true }
        if isRevoked == true { throw .refused(.taken("id", line: staged.line)) }
        let twin = try database.first(
            """
            SELECT CASE WHEN username_folded = ?1 THEN 'username' WHEN email_folded = ?2 THEN 'email' ELSE 'id' END, line
            FROM stage WHERE username_folded = ?1 OR email_folded = ?2 OR id = ?3
            """, key
        ) { row throws(StoreFault) in (row.text(), try row.integer()) }
        if let (field, line) = twin { throw .refused(.taken(field, line: staged.line, other: Int(line))) }
        try database.run(
            """
            INSERT INTO stage (line, id, username, username_folded, email, email_folded, password_hash, role, permissions, claims,
                email_verified, disabled, created_at, last_login_at, hash_setting)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .integer(Int64(staged.line)), .id(user.id.uuid), .text(user.username.text), .text(user.username.folded),
                .text(user.email.text), .text(user.email.folded), .text(account.passwordHash.text), .text(user.role),
                .text(PermissionList.write(user.permissions)), .text(user.claims), .flag(user.emailVerified),
                .flag(account.isDisabled), .integer(user.createdAt), .optional(user.lastLoginAt),
                .text(account.passwordHash.setting),
            ])
    }

    fileprivate func stagedCount() throws(StoreFault) -> Int {
        Int(try database.first("SELECT count(*) FROM stage") { row throws(StoreFault) in try row.integer() } ?? 0)
    }

    fileprivate func commitStage(of count: Int) throws(StoreFault) -> StageOutcome {
        let staged = try stagedCount()
        guard staged == count else { return .otherCount(staged) }
        do throws(StoreFault) {
            // Sooner than looking for names that are taken, which hardly ever are: who waits for the store waits for this.
            try database.run(
                """
                INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, role, permissions, claims,
                    email_verified, disabled, created_at, last_login_at)
                SELECT id, username, username_folded, email, email_folded, password_hash, role, permissions, claims,
                    email_verified, disabled, created_at, last_login_at FROM stage
                """)
        } catch {
            guard case .database(let failure) = error, failure.concernsItsJobAlone, let (line, field) = try firstTaken() else {
                throw error
            }
            return .taken(line: line, field: field)
        }
        try database.run(
            """
            INSERT INTO hash_settings (setting, users) SELECT hash_setting, count(*) FROM stage WHERE true GROUP BY hash_setting
            ON CONFLICT (setting) DO UPDATE SET users = users + excluded.users
            """)
        return .committed
    }

    private func firstTaken() throws(StoreFault) -> (line: Int, field: String)? {
        try database.first(
            """
            SELECT line, 'username' AS field FROM stage JOIN users USING (username_folded)
            UNION ALL SELECT line, 'email' FROM stage JOIN users USING (email_folded)
            UNION ALL SELECT line, 'id' FROM stage JOIN users USING (id)
            ORDER BY line, field DESC LIMIT 1
            """
        ) { row throws(StoreFault) in (Int(try row.integer()), row.text()) }
    }

    fileprivate func accounts(after id: UserID?, most: Int, bytes: Int) throws(StoreFault) -> AccountPage {
        var accounts: [Account] = []
        var size = 0
        var hasMore = false
        try database.each(
            """
            SELECT id, username, email, password_hash, role, permissions, claims, email_verified, disabled, created_at,
                last_login_at FROM users WHERE id > ? ORDER BY id LIMIT ?
            """, [.id(id?.uuid ?? UUIDv7(high: 0, low: 0)), .integer(Int64(most) + 1)]
        ) { row throws(StoreFault) in
            guard !hasMore, accounts.count < most, size < bytes else {
                hasMore = true
                return
            }
            let account = try row.account()
            size += account.size
            accounts.append(account)
        }
        return AccountPage(accounts: accounts, hasMore: hasMore)
    }
}
