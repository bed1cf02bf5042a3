// The calls of which nothing is kept: those that users make by themselves.

extension Store {
    public func create(_ account: Account, session: Session?) async throws(UsherError) {
        try await create(account, session: session, audit: nil)
    }

    public func update<Answer: Sendable>(
        _ session: SessionID,
        _ decide: @escaping @Sendable (StoredSession?, ServiceTime) throws(UsherError) -> SessionStep<Answer>
    ) async throws(UsherError) -> Answer {
        try await update(session, audit: nil, decide)
    }

    public func endSessions(of user: UserID, at now: NumericDate) async throws(UsherError) -> [Revocation] {
        try await endSessions(of: user, at: now, audit: nil)
    }
}

extension AccountStore {
    public func delete(_ user: UserID, verified: PasswordHash?, until: NumericDate) async throws(UsherError) -> DeletedAccount? {
        try await delete(user, verified: verified, until: until, audit: nil)
    }
}

extension AdministrationStore {
    public func administer(
        _ user: UserID, at now: NumericDate, until: NumericDate,
        _ change: @escaping @Sendable (inout AccountRecord) throws(UsherError) -> Void
    ) async throws(UsherError) -> AdministeredAccount? {
        try await administer(user, at: now, until: until, audit: nil, change)
    }
}

extension RoleStore {
    public func editRole(
        _ name: String, until: NumericDate, most: Int,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole {
        try await editRole(name, until: until, most: most, audit: nil, change)
    }
}

extension TransferStore {
    public func commitStage(of count: Int) async throws(UsherError) -> StageOutcome {
        try await commitStage(of: count, audit: nil)
    }

    public func accounts(after id: UserID?, most: Int, bytes: Int) async throws(UsherError) -> AccountPage {
        try await accounts(after: id, most: most, bytes: bytes, audit: nil)
    }
}
