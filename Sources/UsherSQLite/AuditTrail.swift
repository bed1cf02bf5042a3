public import UsherModel

extension Schema {
    /// What administrators did. No row refers to an account: it outlasts that. AUTOINCREMENT: no number is given twice, so that a gap among
    /// the numbers tells of a row that somebody has taken away.
    static let audit: [StaticString] = [
        """
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            op TEXT NOT NULL,
            actor INTEGER NOT NULL,
            actor_name TEXT,
            user BLOB,
            username TEXT,
            role TEXT,
            before TEXT,
            after TEXT
        ) STRICT
        """,
        "CREATE INDEX audit_at ON audit (at)",
        "CREATE INDEX audit_op ON audit (op)",
        "CREATE INDEX audit_actor ON audit (actor)",
        "CREATE INDEX audit_user ON audit (user) WHERE user IS NOT NULL",
    ]

    static func checkAudit(_ database: Database) throws(StoreFault) {
        try database.run("SELECT id, at, op, actor, actor_name, user, username, role, before, after FROM audit LIMIT 1")
        try database.run("SELECT 1 FROM audit INDEXED BY audit_at WHERE at = 0 LIMIT 0")
        try database.run("SELECT 1 FROM audit INDEXED BY audit_op WHERE op = '' LIMIT 0")
        try database.run("SELECT 1 FROM audit INDEXED BY audit_actor WHERE actor = 0 LIMIT 0")
        try database.run("SELECT 1 FROM audit INDEXED BY audit_user WHERE user = x'00' LIMIT 0")
    }
}

extension SQLiteStore {
    public func acts(_ query: AuditQuery) async throws(UsherError) -> AuditPage {
        try await perform { transaction throws(StoreFault) in try transaction.acts(query) }
    }

    public func pruneActs(before: NumericDate, keeping kept: Int, most: Int) async throws(UsherError) -> Bool {
        try await perform { transaction throws(StoreFault) in
            try transaction.pruneActs(before: before, keeping: kept, most: most)
        }
    }
}

/// The ways through the acts, from the latest on: each follows an index, so that a page takes as long among many as among few.
private enum Acts {
    static let all: StaticString = """
        SELECT id, at, op, actor, actor_name, user, username, role, before, after FROM audit
        WHERE id < ?1 ORDER BY id DESC LIMIT ?2
        """
    static let ofUser: StaticString = """
        SELECT id, at, op, actor, actor_name, user, username, role, before, after FROM audit INDEXED BY audit_user
        WHERE user = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2
        """
    static let byOperation: StaticString = """
        SELECT id, at, op, actor, actor_name, user, username, role, before, after FROM audit INDEXED BY audit_op
        WHERE op = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2
        """
    static let byActor: StaticString = """
        SELECT id, at, op, actor, actor_name, user, username, role, before, after FROM audit INDEXED BY audit_actor
        WHERE actor = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2
        """
}

extension Transaction {
    /// Writes down an act.
    func keep(_ act: AuditEntry) throws(StoreFault) {
        var (user, username, role) = (Value.null, Value.null, Value.null)
        switch act.subject {
        case .user(let id, let name): (user, username) = (.id(id.uuid), .text(name))
        case .role(let name): role = .text(name)
        case nil: break
        }
        try database.run(
            """
            INSERT INTO audit (at, op, actor, actor_name, user, username, role, before, after)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .integer(act.at), .text(act.op), .integer(Int64(act.actor.uid)), .optional(act.actor.loginName), user, username,
                role, .optional(act.change.before), .optional(act.change.after),
            ])
    }

    fileprivate func acts(_ query: AuditQuery) throws(StoreFault) -> AuditPage {
        let filters = [query.user == nil, query.op == nil, query.actor == nil].count { !$0 }
        let (way, value): (StaticString, Value?) =
            if let user = query.user {
                (Acts.ofUser, .id(user.uuid))
            } else if let op = query.op {
                (Acts.byOperation, .text(op))
            } else if let actor = query.actor {
                (Acts.byActor, .integer(Int64(actor)))
            } else {
                (Acts.all, nil)
            }
        // One more than may be looked at tells whether there are more.
        let most = filters > 1 ? Limits.listScan : query.most
        var page = GatheredActs(query)
        try database.each(
            way, [.integer(query.before ?? .max), .integer(Int64(most) + 1)] + (value.map { [$0] } ?? [])
        ) { row throws(StoreFault) in page.take(try row.act()) }
        return page.page
    }

    fileprivate func pruneActs(before: NumericDate, keeping kept: Int, most: Int) throws(StoreFault) -> Bool {
        try database.run(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)",
            [.integer(before), .integer(Int64(most))])
        let old = database.changes
        // Numbers have gaps at most: behind the last but `kept` there are no more than so many.
        try database.run(
            """
            DELETE FROM audit WHERE id IN (
                SELECT id FROM audit WHERE id <= (SELECT max(id) FROM audit) - ? ORDER BY id LIMIT ?)
            """, [.integer(Int64(kept)), .integer(Int64(most))])
        return old == most || database.changes == most
    }
}

extension Row {
    fileprivate mutating func act() throws(StoreFault) -> AuditRecord {
        let id = try integer()
        let (at, op) = (try integer(), text())
        let actor = AuditEntry.Actor(uid: UInt32(truncatingIfNeeded: try integer()), loginName: optionalText())
        let user = try optionalID()
        let (username, role) = (optionalText(), optionalText())
        let subject: AuditEntry.Subject? =
            if let user {
                .user(UserID(user), username: username ?? "")
            } else {
                role.map { .role($0) }
            }
        let change = Event.Change(before: optionalText(), after: optionalText())
        return AuditRecord(id: id, entry: AuditEntry(at: at, op: op, actor: actor, subject: subject, change: change))
    }
}
