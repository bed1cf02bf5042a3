// The calls that users make by themselves: nothing is kept of them.

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

    public func delete(_ user: UserID, verified: PasswordHash?, until: NumericDate) async throws(UsherError) -> DeletedAccount? {
        try await delete(user, verified: verified, until: until, audit: nil)
    }
}
