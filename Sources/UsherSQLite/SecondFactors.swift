import UsherModel

extension Schema {
    /// At most one row of a user. `recovery_codes` are the digests, one behind the other.
    static let secondFactors: [StaticString] = [
        """
        CREATE TABLE second_factors (
            user BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
            secret BLOB NOT NULL,
            confirmed_at INTEGER,
            last_step INTEGER NOT NULL,
            recovery_codes BLOB NOT NULL,
            failures INTEGER NOT NULL,
            blocked_service INTEGER NOT NULL
        ) STRICT
        """
    ]

    static func checkSecondFactors(_ database: Database) throws(StoreFault) {
        try database.run(
            """
            SELECT user, secret, confirmed_at, last_step, recovery_codes, failures, blocked_service FROM second_factors LIMIT 1
            """)
    }
}

extension Transaction {
    func updateSecondFactor<Answer: Sendable>(
        of user: UserID,
        _ decide: (Account?, SecondFactor?, ServiceTime) throws(UsherError) -> SecondFactorStep<Answer>
    ) throws(StoreFault) -> Answer {
        let account = try account(user)
        let factor = try secondFactor(of: user)
        let step: SecondFactorStep<Answer>
        do throws(UsherError) { step = try decide(account, factor, time) } catch { throw .refused(error) }
        switch step {
        case .keep(let answer): return answer
        case .put(let factor, let answer):
            try put(factor, of: user)
            return answer
        case .remove(let answer):
            try removeSecondFactor(of: user)
            return answer
        }
    }

    /// What becomes of a login because of the second factor, which may be in force: nil if a session may be opened.
    func checkSecondFactor(of login: Login) throws(StoreFault) -> LoginOutcome? {
        let user = login.session.user
        guard let factor = try secondFactor(of: user), factor.isInForce else { return login.code == nil ? nil : .stale }
        guard let code = login.code else { return .codeRequired }
        let outcome: CodeOutcome
        do throws(UsherError) { outcome = try code(factor, time) } catch { throw .refused(error) }
        if outcome.factor != factor { try put(outcome.factor, of: user) }
        return outcome.refusal.map(LoginOutcome.codeRefused)
    }

    /// Takes away the second factor, recovery codes included, of a user who may have none.
    func removeSecondFactor(of user: UserID) throws(StoreFault) {
        try database.run("DELETE FROM second_factors WHERE user = ?", [.id(user.uuid)])
    }

    private func secondFactor(of user: UserID) throws(StoreFault) -> SecondFactor? {
        try database.first(
            """
            SELECT secret, confirmed_at, last_step, recovery_codes, failures, blocked_service FROM second_factors WHERE user = ?
            """, [.id(user.uuid)]
        ) { row throws(StoreFault) in
            SecondFactor(
                sealedSecret: row.bytes(), confirmedAt: try row.optionalInteger(), lastStep: try row.integer(),
                recoveryCodes: try digests(in: row.bytes(), of: user), failures: try row.integer(),
                blockedUntil: try row.integer())
        }
    }

    private func digests(in bytes: [UInt8], of user: UserID) throws(StoreFault) -> [[UInt8]] {
        let length = SecondFactor.digestLength
        guard bytes.count.isMultiple(of: length) else { throw .unreadable("the recovery codes of user \(user)") }
        return stride(from: 0, to: bytes.count, by: length).map { Array(bytes[$0..<$0 + length]) }
    }

    private func put(_ factor: SecondFactor, of user: UserID) throws(StoreFault) {
        try database.run(
            """
            INSERT OR REPLACE INTO second_factors (user, secret, confirmed_at, last_step, recovery_codes, failures, blocked_service)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .id(user.uuid), .bytes(factor.sealedSecret), .optional(factor.confirmedAt), .integer(factor.lastStep),
                .bytes(Array(factor.recoveryCodes.joined())), .integer(factor.failures), .integer(factor.blockedUntil),
            ])
    }
}
