import UsherModel

/// What is in the database file.
enum Schema {
    /// "Ushr": the file's `application_id`, which tells our databases from others.
    static let applicationID: Int64 = 0x5573_6872
    /// The file's `user_version`.
    static let version: Int64 = 3

    /// Ids are the 16 bytes of a UUID. Times are NumericDates, unless a name ends in `_ms` or `_service`: those are milliseconds of service.
    static let statements = version2 + version3

    private static let version2: [StaticString] = [
        """
        CREATE TABLE meta (
            name TEXT NOT NULL PRIMARY KEY,
            value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // `purged_before` is the moment of the last purge, or up to an hour earlier; databases made before there was one lack it.
        "INSERT INTO meta (name, value) VALUES ('service_ms', 0), ('purged_before', unixepoch())",
        """
        CREATE TABLE users (
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
            last_login_at INTEGER
        ) STRICT
        """,
        // `purge_at` is a time before which the row is not purged. REFRESH leaves it behind, so that it changes no index; the purge
        // that comes across such a row sets it right.
        """
        CREATE TABLE sessions (
            id BLOB NOT NULL PRIMARY KEY,
            user BLOB NOT NULL REFERENCES users (id),
            audience TEXT NOT NULL,
            generation INTEGER NOT NULL,
            rotated_at INTEGER NOT NULL,
            rotated_service INTEGER NOT NULL,
            seed BLOB NOT NULL,
            expires_at INTEGER NOT NULL,
            ends_at INTEGER NOT NULL,
            access_until INTEGER NOT NULL,
            ended_at INTEGER,
            created_at INTEGER NOT NULL,
            client_ip TEXT,
            client_user_agent TEXT,
            purge_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX sessions_user ON sessions (user)",
        "CREATE INDEX sessions_purge ON sessions (purge_at)",
        "CREATE INDEX sessions_ended ON sessions (access_until) WHERE ended_at IS NOT NULL",
        """
        CREATE TABLE revocations (
            kind INTEGER NOT NULL,
            id TEXT NOT NULL,
            until INTEGER NOT NULL,
            session TEXT,
            PRIMARY KEY (kind, id)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX revocations_until ON revocations (until)",
        revocationsSession,
        hashSettings,
    ]

    /// What version 3 adds, each beside what uses it.
    private static let version3 =
        throttles + knownAddresses + accountVersions + formerEmails + secondFactors + dataKey + oneTimeTokens + stage + roles
        + userLists + audit

    /// By it the revoked tokens of a session are counted.
    private static let revocationsSession: StaticString =
        "CREATE INDEX revocations_session ON revocations (session) WHERE session IS NOT NULL"

    /// How many users have a password hash of which `PasswordHash.setting`.
    private static let hashSettings: StaticString = """
        CREATE TABLE hash_settings (
            setting TEXT NOT NULL PRIMARY KEY,
            users INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """

    /// Whose database a file is.
    enum Identity: Equatable {
        case empty
        case ours
        /// Ours, of a version that `migrate` makes the present one.
        case older
        /// Ours, of another version.
        case version(Int64)
        case foreign
    }

    static func identity(of database: Database) throws(StoreFault) -> Identity {
        let application = try database.first("PRAGMA application_id") { row throws(StoreFault) in row.anyInteger() } ?? 0
        let version = try database.first("PRAGMA user_version") { row throws(StoreFault) in row.anyInteger() } ?? 0
        let objects = try database.first("SELECT count(*) FROM sqlite_schema") { row throws(StoreFault) in row.anyInteger() } ?? 0
        switch (application, version, objects) {
        case (0, 0, 0): return .empty
        case (applicationID, Self.version, _): return .ours
        case (applicationID, 1..<Self.version, _): return .older
        case (applicationID, _, _): return .version(version)
        default: return .foreign
        }
    }

    /// Creates everything in one transaction.
    static func create(in database: Database) throws(StoreFault) {
        try database.run("BEGIN IMMEDIATE")
        for statement in statements { try database.run(statement) }
        // `applicationID` and `version`: a pragma takes no bound values.
        try database.run("PRAGMA application_id = 0x55736872")
        try database.run("PRAGMA user_version = 3")
        try database.run("COMMIT")
    }

    /// Makes a database of an older version one of the present version, in one transaction.
    static func migrate(_ database: Database) throws(StoreFault) {
        try database.run("BEGIN IMMEDIATE")
        let version = try database.first("PRAGMA user_version") { row throws(StoreFault) in row.anyInteger() } ?? 0
        if version < 2 { try addVersion2(to: database) }
        if version < 3 { for statement in version3 { try database.run(statement) } }
        try database.run("PRAGMA user_version = 3")
        try database.run("COMMIT")
    }

    /// Looks at every user, once.
    private static func addVersion2(to database: Database) throws(StoreFault) {
        try database.run("ALTER TABLE revocations ADD COLUMN session TEXT")
        try database.run(revocationsSession)
        try database.run(hashSettings)
        var users: [String: Int64] = [:]
        try database.each("SELECT password_hash FROM users") { row throws(StoreFault) in
            users[PasswordHash(row.text()).setting, default: 0] += 1
        }
        for (setting, count) in users {
            try database.run(
                "INSERT INTO hash_settings (setting, users) VALUES (?, ?)", [.text(setting), .integer(count)])
        }
    }

    /// Reads the first page of each table and prepares what names every column: what is missing or damaged there is found now.
    static func check(_ database: Database) throws(StoreFault) {
        try database.run("SELECT * FROM users LIMIT 1")
        try database.run("SELECT * FROM sessions LIMIT 1")
        try database.run("SELECT kind, id, until, session, version FROM revocations LIMIT 1")
        try database.run(
            """
            SELECT id, username, username_folded, email, email_folded, password_hash, role, permissions, claims, email_verified,
                disabled, created_at, last_login_at, version, confirmed_before FROM users LIMIT 0
            """)
        try database.run(
            """
            SELECT id, user, audience, generation, rotated_at, rotated_service, seed, expires_at, ends_at, access_until, ended_at,
                created_at, client_ip, client_user_agent, purge_at FROM sessions LIMIT 0
            """)
        try database.run(
            """
            SELECT line, id, username, username_folded, email, email_folded, password_hash, role, permissions, claims,
                email_verified, disabled, created_at, last_login_at, hash_setting FROM stage LIMIT 0
            """)
        // An index that is not there fails to prepare.
        try database.run("SELECT 1 FROM sessions INDEXED BY sessions_user WHERE user = x'00' LIMIT 0")
        try database.run("SELECT 1 FROM sessions INDEXED BY sessions_purge WHERE purge_at = 0 LIMIT 0")
        try database.run(
            "SELECT 1 FROM sessions INDEXED BY sessions_ended WHERE ended_at IS NOT NULL AND access_until = 0 LIMIT 0")
        try database.run("SELECT 1 FROM revocations INDEXED BY revocations_until WHERE until = 0 LIMIT 0")
        try database.run("SELECT 1 FROM revocations INDEXED BY revocations_session WHERE session = '' LIMIT 0")
        _ = try database.hashSettings()
        try database.run("SELECT kind, subject, address, count, since_service FROM throttles LIMIT 1")
        try database.run("SELECT user, address, used_service FROM known_addresses LIMIT 1")
        try checkSecondFactors(database)
        try database.run("SELECT id FROM data_key LIMIT 1")
        try checkOneTimeTokens(database)
        try checkRoles(database)
        try checkUserLists(database)
        try checkAudit(database)
    }
}

extension Database {
    /// The service time that was kept last, in milliseconds.
    func storedServiceTime() throws(StoreFault) -> Int64 {
        let stored = try first("SELECT value FROM meta WHERE name = 'service_ms'") { row throws(StoreFault) in try row.integer() }
        guard let stored else { throw .unreadable("meta has no service_ms") }
        return stored
    }

    func storeServiceTime(_ milliseconds: Int64) throws(StoreFault) {
        try run("UPDATE meta SET value = ? WHERE name = 'service_ms'", [.integer(milliseconds)])
    }

    /// How many users have a password hash of which setting, for the most frequent ones.
    func hashSettings() throws(StoreFault) -> [HashSetting] {
        try all(
            "SELECT setting, users FROM hash_settings WHERE users > 0 ORDER BY users DESC, setting LIMIT ?",
            [.integer(Int64(Limits.hashSettings))]
        ) { row throws(StoreFault) in HashSetting(setting: row.text(), users: try row.integer()) }
    }
}
