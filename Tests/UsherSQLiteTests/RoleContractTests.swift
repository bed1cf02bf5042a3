import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do with roles.
@Suite struct RoleContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    private let post = Permission(stored: "post:*")
    private let odd = Permission(stored: "a \"b\",\u{1}é")

    @Test(arguments: StoreKind.allCases) func aRoleIsMadeChangedAndDeleted(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        #expect(try await tested.store.roles() == Roles())
        let made = try await tested.store.editRole("editor", until: 900, most: 9) { before throws(UsherError) in
            #expect(before == nil)
            return [post, odd]
        }
        let role = Role(name: "editor", permissions: [post, odd])
        let revocation = Revocation(kind: .role, id: "editor", until: 900, version: 1)
        #expect(
            made == EditedRole(name: "editor", before: nil, after: role, roles: Roles([role], version: 1), revocation: revocation)
        )
        // Another one in another case, and changes are counted together.
        _ = try await tested.store.editRole("Editor", until: 900, most: 9) { _ throws(UsherError) in [] }
        let same = try await tested.store.editRole("editor", until: 900, most: 9) { before throws(UsherError) in before }
        #expect(same.revocation == nil && same.roles == Roles([role, Role(name: "Editor", permissions: [])], version: 2))
        try tested.restart()
        #expect(try await tested.store.roles() == Roles([role, Role(name: "Editor", permissions: [])], version: 2))
        let gone = try await tested.store.editRole("editor", until: 1_000, most: 9) { _ throws(UsherError) in nil }
        #expect(gone.before == role && gone.after == nil && gone.roles.version == 3)
        try tested.restart()
        #expect(try await tested.store.roles() == Roles([Role(name: "Editor", permissions: [])], version: 3))
        #expect(
            try await Set(tested.store.revocations(since: 0)) == [
                Revocation(kind: .role, id: "editor", until: 1_000, version: 3),
                Revocation(kind: .role, id: "Editor", until: 900, version: 2),
            ])
    }

    @Test(arguments: StoreKind.allCases) func olderTokensAreRefusedForAsLongAsOneMayLive(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("ada")
        let session = samples.session(of: account.user.id, access: 90_000)
        try await tested.store.create(account, session: session)
        let edited = try await tested.store.editRole("user", until: 5, most: 9) { _ throws(UsherError) in [post] }
        #expect(edited.revocation?.until == session.accessUntil)
    }

    @Test(arguments: StoreKind.allCases) func aRefusedChangeChangesNothing(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        for name in ["a", "b"] { _ = try await tested.store.editRole(name, until: 5, most: 2) { _ throws(UsherError) in [post] } }
        let before = try await tested.store.roles()
        await #expect(throws: UsherError.tooManyRoles(2)) {
            try await tested.store.editRole("c", until: 5, most: 2) { _ throws(UsherError) in [] }
        }
        await #expect(throws: UsherError.busy) {
            try await tested.store.editRole("a", until: 5, most: 2) { _ throws(UsherError) in throw .busy }
        }
        #expect(try await tested.store.roles() == before)
        // Those that are there may be changed all the same.
        #expect(try await tested.store.editRole("a", until: 5, most: 2) { _ throws(UsherError) in [odd] }.roles.version == 3)
    }
}
