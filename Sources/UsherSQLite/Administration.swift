public import UsherModel

extension SQLiteStore {
    public func find(_ key: AccountKey) async throws(UsherError) -> AccountRecord? {
        try await perform { transaction throws(StoreFault) in try transaction.find(key) }
    }

    public func administer(
        _ user: UserID, at now: NumericDate, until: NumericDate, audit: @escaping AuditNote<AdministeredAccount?>,
        _ change: @escaping @Sendable (inout AccountRecord) throws(UsherError) -> Void
    ) async throws(UsherError) -> AdministeredAccount? {
        try await perform(audit) { transaction throws(StoreFault) in
            try transaction.administer(user, at: now, until: until, change)
        }
    }

    public func users(_ query: UserQuery) async throws(UsherError) -> UserPage {
        try await perform { transaction throws(StoreFault) in try transaction.users(query) }
    }
}

extension Transaction {
    func find(_ key: AccountKey) throws(StoreFault) -> AccountRecord? {
        let found =
            switch key {
            case .id(let id): try account(id)
            case .name(let name): try account(name)
            }
        guard let found else { return nil }
        return AccountRecord(account: found, hasSecondFactor: try hasSecondFactor(found.user.id))
    }

    fileprivate func administer(
        _ id: UserID, at now: NumericDate, until: NumericDate, _ change: (inout AccountRecord) throws(UsherError) -> Void
    ) throws(StoreFault) -> AdministeredAccount? {
        guard let before = try find(.id(id)) else { return nil }
        var after = before
        let edited = try edit(id, until: until) { account throws(UsherError) in
            try change(&after)
            account = after.account
        }
        guard let edited else { return nil }
        after.account = edited.account
        if before.hasSecondFactor, !after.hasSecondFactor { try removeSecondFactor(of: id) }
        after.hasSecondFactor = before.hasSecondFactor && after.hasSecondFactor
        var revocations = edited.revocation.map { [$0] } ?? []
        let hash = after.account.passwordHash
        if hash != before.account.passwordHash {
            try setPassword(of: before.account, to: hash)
            revocations += try endSessions(of: id, at: now)
        }
        return AdministeredAccount(before: before, after: after, revocations: revocations)
    }

    private func hasSecondFactor(_ user: UserID) throws(StoreFault) -> Bool {
        try database.first(
            "SELECT 1 FROM second_factors WHERE user = ? AND confirmed_at IS NOT NULL", [.id(user.uuid)]
        ) { (_) throws(StoreFault) in true } ?? false
    }
}
