import UsherModel

extension Schema {
    /// Of tokens that go by mail, only the digests; those of one user and purpose in the order of their rows.
    static let oneTimeTokens: [StaticString] = [
        """
        CREATE TABLE one_time_tokens (
            digest TEXT NOT NULL PRIMARY KEY,
            user BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            purpose INTEGER NOT NULL,
            email TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX one_time_tokens_user ON one_time_tokens (user, purpose)",
        "CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at)",
    ]

    static func checkOneTimeTokens(_ database: Database) throws(StoreFault) {
        try database.run("SELECT digest, user, purpose, email, expires_at FROM one_time_tokens LIMIT 1")
        try database.run(
            "SELECT 1 FROM one_time_tokens INDEXED BY one_time_tokens_user WHERE user = x'00' AND purpose = 0 LIMIT 0")
        try database.run("SELECT 1 FROM one_time_tokens INDEXED BY one_time_tokens_expiry WHERE expires_at = 0 LIMIT 0")
    }
}

extension Transaction {
    func issue(_ token: StoredToken, to recipient: TokenRecipient) throws(StoreFault) -> User? {
        let found =
            switch recipient {
            case .user(let id): try account(id)
            case .email(let email): try account(.email(email))
            }
        guard let account = found, account.mayHaveToken(for: token.purpose) else {
            // What takes time is the commit, and there is one now.
            try database.storeServiceTime(time.now)
            return nil
        }
        let user = account.user
        try database.run(
            "INSERT INTO one_time_tokens (digest, user, purpose, email, expires_at) VALUES (?, ?, ?, ?, ?)",
            [
                .text(token.digest), .id(user.id.uuid), .integer(Int64(token.purpose.rawValue)), .text(user.email.text),
                .integer(token.expiresAt),
            ])
        try database.run(
            """
            DELETE FROM one_time_tokens WHERE rowid IN (
                SELECT rowid FROM one_time_tokens WHERE user = ? AND purpose = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?)
            """,
            [.id(user.id.uuid), .integer(Int64(token.purpose.rawValue)), .integer(Int64(Limits.oneTimeTokens))])
        return user
    }

    func oneTimeToken(_ digest: String) throws(StoreFault) -> FoundToken? {
        let row = try database.first("SELECT user, email, expires_at FROM one_time_tokens WHERE digest = ?", [.text(digest)]) {
            row throws(StoreFault) in
            (user: UserID(try row.id()), email: Email(stored: row.text()), expiresAt: try row.integer())
        }
        guard let row, let account = try account(row.user) else { return nil }
        return FoundToken(account: account, email: row.email, expiresAt: row.expiresAt)
    }

    func confirmEmail(by digest: String, at now: NumericDate) throws(StoreFault) -> User {
        var user = try account(holding: digest, at: now).user
        try confirmEmail(of: user.id)
        user.emailVerified = true
        return user
    }

    /// The account that a token may change.
    func account(holding digest: String, at now: NumericDate) throws(StoreFault) -> Account {
        let found = try oneTimeToken(digest)
        do throws(UsherError) { return try FoundToken.account(of: found, at: now) } catch { throw .refused(error) }
    }

    /// Nothing is left to be confirmed then: this also uses the token up.
    func confirmEmail(of user: UserID) throws(StoreFault) {
        try database.run("UPDATE users SET email_verified = 1 WHERE id = ?", [.id(user.uuid)])
        try voidTokens(of: user, for: .confirmation)
    }

    func voidTokens(of user: UserID, for purpose: TokenPurpose) throws(StoreFault) {
        try database.run(
            "DELETE FROM one_time_tokens WHERE user = ? AND purpose = ?",
            [.id(user.uuid), .integer(Int64(purpose.rawValue))])
    }

    /// - Returns: whether there may be more.
    func purgeTokens(before: NumericDate, most: Int) throws(StoreFault) -> Bool {
        try database.run(
            """
            DELETE FROM one_time_tokens WHERE rowid IN (
                SELECT rowid FROM one_time_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)
            """, [.integer(before), .integer(Int64(most))])
        return database.changes == most
    }
}
