import UsherModel

extension Transaction {
    func update<Answer: Sendable>(
        _ id: SessionID, _ decide: (StoredSession?, ServiceTime) throws(UsherError) -> SessionStep<Answer>
    ) throws(StoreFault) -> Answer {
        let found = try stored(id)
        let step: SessionStep<Answer>
        do throws(UsherError) { step = try decide(found?.stored, time) } catch { throw .refused(error) }
        switch step {
        case .keep(let answer): return answer
        case .rotate(let session, let answer):
            guard let found else {
                throw .refused(UsherError(.internal, cause: "a session that is not in the store was to be rotated"))
            }
            try beginWriting()
            try rotate(found.row, session)
            return answer
        case .end(let moment, let answer):
            try beginWriting()
            try database.run(
                """
                UPDATE sessions SET ended_at = ?1, purge_at = max(access_until, ?1)
                WHERE id = ?2 AND ended_at IS NULL
                """, [.integer(moment), .id(id.uuid)])
            return answer
        }
    }

    /// - Returns: the `rowid`, too, by which the row is found again at less cost.
    private func stored(_ id: SessionID) throws(StoreFault) -> (row: Int64, stored: StoredSession)? {
        try database.first(
            """
            SELECT s.rowid, u.id, u.username, u.email, u.password_hash, u.role, u.permissions, u.claims, u.email_verified, u.disabled,
                u.created_at, u.last_login_at, u.version, s.audience, s.generation, s.rotated_at, s.rotated_service, s.seed, s.expires_at,
                s.ends_at, s.access_until, s.ended_at, s.created_at, s.client_ip, s.client_user_agent
            FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ?
            """, [.id(id.uuid)]
        ) { row throws(StoreFault) in
            let number = row.anyInteger()
            let account = try row.account()
            return (number, StoredSession(session: try row.session(id, of: account.user.id), account: account))
        }
    }

    func sessions(of user: UserID, at now: NumericDate) throws(StoreFault) -> [Session] {
        try database.all(
            """
            SELECT id, audience, generation, rotated_at, rotated_service, seed, expires_at, ends_at, access_until, ended_at,
                created_at, client_ip, client_user_agent FROM sessions
            WHERE user = ? AND ended_at IS NULL AND expires_at > ? ORDER BY rotated_service DESC, rowid DESC
            """, [.id(user.uuid), .integer(now)]
        ) { row throws(StoreFault) in
            let id = SessionID(try row.id())
            return try row.session(id, of: user)
        }
    }

    /// Leaves `purge_at` behind on purpose: see the schema.
    private func rotate(_ row: Int64, _ session: Session) throws(StoreFault) {
        try database.run(
            """
            UPDATE sessions SET generation = ?, rotated_at = ?, rotated_service = ?, expires_at = ?, access_until = ?,
                client_ip = ?, client_user_agent = ?
            WHERE rowid = ?
            """,
            [
                .integer(session.generation), .integer(session.rotatedAt), .integer(time.now), .integer(session.expiresAt),
                .integer(session.accessUntil), .optional(session.client.address?.description),
                .optional(session.client.userAgent), .integer(row),
            ])
        hasRotated = true
    }

    func insert(_ session: Session) throws(StoreFault) {
        try database.run(
            """
            INSERT INTO sessions (id, user, audience, generation, rotated_at, rotated_service, seed, expires_at, ends_at,
                access_until, ended_at, created_at, client_ip, client_user_agent, purge_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .id(session.id.uuid), .id(session.user.uuid), .text(session.audience), .integer(session.generation),
                .integer(session.rotatedAt), .integer(time.now), .secret(session.seed), .integer(session.expiresAt),
                .integer(session.endsAt), .integer(session.accessUntil), .optional(session.endedAt),
                .integer(session.createdAt), .optional(session.client.address?.description),
                .optional(session.client.userAgent), .integer(max(session.expiresAt, session.accessUntil)),
            ])
        try keepAddress(of: session)
    }

    /// Ends the live sessions of a user, all or all but one.
    func endSessions(of user: UserID, but kept: SessionID? = nil, at now: NumericDate) throws(StoreFault) -> [Revocation] {
        try database.all(
            """
            UPDATE sessions SET ended_at = ?1, purge_at = max(access_until, ?1)
            WHERE user = ?2 AND ended_at IS NULL AND id IS NOT ?3 RETURNING id, access_until
            """, [.integer(now), .id(user.uuid), kept.map { .id($0.uuid) } ?? .null]
        ) { row throws(StoreFault) in try row.endedSession() }
    }

    /// Ends the live sessions of a user but the `most` that were used last. Which those are is told by service time, which no step of
    /// the wall clock puts out of order, and by the order of insertion.
    func endSessions(of user: UserID, beyond most: Int, at now: NumericDate) throws(StoreFault) -> [Revocation] {
        try database.all(
            """
            UPDATE sessions SET ended_at = ?1, purge_at = max(access_until, ?1)
            WHERE rowid IN (
                SELECT rowid FROM sessions WHERE user = ?2 AND ended_at IS NULL AND expires_at > ?1
                ORDER BY rotated_service DESC, rowid DESC LIMIT -1 OFFSET ?3)
            RETURNING id, access_until
            """, [.integer(now), .id(user.uuid), .integer(Int64(most))]
        ) { row throws(StoreFault) in try row.endedSession() }
    }

    /// Looks at no more than `most` rows.
    /// - Returns: whether there may be more.
    func purgeSessions(before: NumericDate, most: Int) throws(StoreFault) -> Bool {
        let candidates = try database.all(
            """
            SELECT rowid, CASE WHEN ended_at IS NULL THEN max(expires_at, access_until) ELSE max(ended_at, access_until) END
            FROM sessions WHERE purge_at < ? ORDER BY purge_at LIMIT ?
            """, [.integer(before), .integer(Int64(most))]
        ) { row throws(StoreFault) in (row: row.anyInteger(), over: row.anyInteger()) }
        for candidate in candidates {
            if candidate.over < before {
                try database.run("DELETE FROM sessions WHERE rowid = ?", [.integer(candidate.row)])
            } else {
                try database.run(
                    "UPDATE sessions SET purge_at = ? WHERE rowid = ?", [.integer(candidate.over), .integer(candidate.row)])
            }
        }
        return candidates.count == most
    }
}

extension Row {
    /// The columns of `sessions` from `audience` to `client_user_agent`, in the order of the table.
    fileprivate mutating func session(_ id: SessionID, of user: UserID) throws(StoreFault) -> Session {
        Session(
            id: id, user: user, audience: text(), generation: try integer(), rotatedAt: try integer(),
            rotatedService: try integer(), seed: try secret(), expiresAt: try integer(), endsAt: try integer(),
            accessUntil: try integer(), endedAt: try optionalInteger(), createdAt: try integer(),
            client: Client(address: optionalText().flatMap(IPAddress.init(parsing:)), userAgent: optionalText()))
    }

    /// The columns `id` and `access_until` of an ended session.
    fileprivate mutating func endedSession() throws(StoreFault) -> Revocation {
        Revocation(kind: .session, id: SessionID(try id()).description, until: try integer())
    }
}
