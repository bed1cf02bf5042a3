import UsherModel

extension Transaction {
    func revocations(since: NumericDate) throws(StoreFault) -> [Revocation] {
        let sessions = try database.all(
            "SELECT id, access_until FROM sessions WHERE ended_at IS NOT NULL AND access_until >= ?", [.integer(since)]
        ) { row throws(StoreFault) in
            Revocation(kind: .session, id: SessionID(try row.id()).description, until: try row.integer())
        }
        let others = try database.all("SELECT kind, id, until, version FROM revocations WHERE until >= ?", [.integer(since)]) {
            row throws(StoreFault) in try row.revocation()
        }
        return sessions + others
    }

    func revoke(_ revocation: Revocation) throws(StoreFault) -> RevokeOutcome {
        let key: [Value] = [.integer(Int64(revocation.kind.rawValue)), .text(revocation.id)]
        let until = try database.first("SELECT until FROM revocations WHERE kind = ? AND id = ?", key) {
            row throws(StoreFault) in try row.integer()
        }
        if let until {
            if revocation.until > until || revocation.version > 0 {
                try database.run(
                    "UPDATE revocations SET until = max(until, ?3), version = max(version, ?4) WHERE kind = ?1 AND id = ?2",
                    key + [.integer(revocation.until), .integer(revocation.version)])
            }
            return .known
        }
        if let session = revocation.session, try revokedTokens(of: session) >= Limits.revokedTokensPerSession { return .tooMany }
        try database.run(
            "INSERT INTO revocations (kind, id, until, session, version) VALUES (?, ?, ?, ?, ?)",
            key + [.integer(revocation.until), .optional(revocation.session), .integer(revocation.version)])
        return .added
    }

    private func revokedTokens(of session: String) throws(StoreFault) -> Int64 {
        try database.first("SELECT count(*) FROM revocations WHERE session = ?", [.text(session)]) {
            row throws(StoreFault) in try row.integer()
        } ?? 0
    }

    func purge(before: NumericDate, most: Int) throws(StoreFault) -> Bool {
        let hasMoreSessions = try purgeSessions(before: before, most: most)
        let hasMoreTokens = try purgeTokens(before: before, most: most)
        let over = try database.all(
            "SELECT kind, id FROM revocations WHERE until < ? ORDER BY until LIMIT ?",
            [.integer(before), .integer(Int64(most))]
        ) { row throws(StoreFault) in (kind: row.anyInteger(), id: row.text()) }
        // Each by its key: as one statement SQLite would look at every row of the kind.
        var gone = 0
        for revocation in over {
            try database.run(
                "DELETE FROM revocations WHERE kind = ? AND id = ?", [.integer(revocation.kind), .text(revocation.id)])
            gone += Int(database.changes)
        }
        // Not worth a write each time; but a clock that was set back is.
        try database.run(
            """
            INSERT INTO meta (name, value) VALUES ('purged_before', ?1)
            ON CONFLICT (name) DO UPDATE SET value = ?1 WHERE value NOT BETWEEN ?1 - 3600 AND ?1
            """, [.integer(before)])
        return hasMoreSessions || hasMoreTokens || gone == most
    }

    func lastPurge() throws(StoreFault) -> NumericDate? {
        try database.first("SELECT value FROM meta WHERE name = 'purged_before'") { row throws(StoreFault) in try row.integer() }
    }
}

extension Row {
    fileprivate mutating func revocation() throws(StoreFault) -> Revocation {
        guard let kind = Revocation.Kind(rawValue: Int(anyInteger())) else { throw .unreadable("a revocation's kind") }
        return Revocation(kind: kind, id: text(), until: try integer(), version: try integer())
    }
}
