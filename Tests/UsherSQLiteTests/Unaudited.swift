import UsherModel

/// What only administrators do, for tests that are not about what is kept of it.
extension Store {
    func administer(
        _ user: UserID, at now: NumericDate, until: NumericDate,
        _ change: @escaping @Sendable (inout AccountRecord) throws(UsherError) -> Void
    ) async throws(UsherError) -> AdministeredAccount? {
        try await administer(user, at: now, until: until, audit: { _ in nil }, change)
    }

    func editRole(
        _ name: String, until: NumericDate, most: Int,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole {
        try await editRole(name, until: until, most: most, audit: { _ in nil }, change)
    }

    func commitStage(of count: Int) async throws(UsherError) -> StageOutcome {
        try await commitStage(of: count) { _ in nil }
    }

    func accounts(after id: UserID?, most: Int, bytes: Int) async throws(UsherError) -> AccountPage {
        try await accounts(after: id, most: most, bytes: bytes) { _ in nil }
    }

    func makeCopy() async throws(UsherError) -> Int { try await makeCopy { nil } }
}
