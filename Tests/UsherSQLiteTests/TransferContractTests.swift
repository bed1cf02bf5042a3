import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do of `TransferStore`.
@Suite struct TransferContractTests {
    private let samples = Samples()
    private var clock: ManualClock { samples.clock }

    private func staged(_ name: String, line: Int, id: UserID? = nil, email: String? = nil) throws -> StagedAccount {
        let account = try samples.account(name, email: email)
        guard let id else { return StagedAccount(line: line, account: account) }
        var user = User(id: id, username: account.user.username, email: account.user.email, createdAt: account.user.createdAt)
        user.role = "editor"
        return StagedAccount(line: line, account: Account(user: user, passwordHash: account.passwordHash))
    }

    private func all(_ store: any Store) async throws -> [String] {
        try await store.accounts(after: nil, most: 100, bytes: .max).accounts.map(\.user.username.text)
    }

    /// A LOGIN reads them, and works with them.
    @Test(arguments: StoreKind.allCases) func ofManyKindsOfHashesTheMostFrequentAreTold(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        for number in 0..<200 {
            let account = try samples.account("user\(number)", hash: "pbkdf2_sha256$\(number < 3 ? 1 : number)$salt$x")
            _ = try await store.stage([StagedAccount(line: number + 1, account: account)])
        }
        #expect(try await store.commitStage(of: 200) == .committed)
        let hashes = try await store.lookUp(.username(Username(stored: ""))).hashes
        #expect(hashes.count == Limits.hashSettings)
        #expect(hashes.first == HashSetting(setting: "pbkdf2_sha256$1$", users: 3))
    }

    @Test(arguments: StoreKind.allCases) func nobodySeesWhatIsStaged(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        var one = try staged("Ada", line: 1)
        one = StagedAccount(
            line: 1,
            account: Account(
                user: User(
                    id: one.account.user.id, username: one.account.user.username, email: one.account.user.email, role: "editor",
                    permissions: [Permission(stored: "a\"b")], claims: #"{"a":[1]}"#, emailVerified: true, createdAt: 5,
                    lastLoginAt: 7),
                passwordHash: PasswordHash("$2b$10$x"), isDisabled: true))
        #expect(try await tested.store.stage([one]) == 1)
        #expect(try await tested.store.stage([staged("bob", line: 2), staged("eve", line: 3)]) == 3)
        let name = LoginName.username(one.account.user.username)
        #expect(try await tested.store.account(name) == nil)
        #expect(try await tested.store.takenField(username: one.account.user.username, email: one.account.user.email) == nil)
        #expect(try await tested.store.commitStage(of: 3) == .committed)
        try tested.restart()
        let found = try await tested.store.lookUp(name)
        #expect(found.account == one.account)
        #expect(Set(found.hashes.map { "\($0.setting) \($0.users)" }) == ["$2b$10$ 1", "$fast$1 2"])
        // Nothing is left of it.
        #expect(try await tested.store.commitStage(of: 3) == .otherCount(0))
    }

    @Test(arguments: StoreKind.allCases) func theIDOfADeletedAccountIsNotBroughtBack(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("ada")
        try await tested.store.create(account, session: samples.session(of: account.user.id))
        _ = try await tested.store.delete(account.user.id, verified: nil, until: clock.now() + 900)
        let error = await #expect(throws: UsherError.self) {
            try await tested.store.stage([self.staged("ada", line: 7, id: account.user.id)])
        }
        #expect(error?.code == .accountExists)
        #expect(try await tested.store.stage([staged("ada", line: 7)]) == 1)
    }

    @Test(arguments: StoreKind.allCases) func aBatchIsStagedWholeOrNotAtAll(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let first = try staged("ada", line: 1)
        #expect(try await tested.store.stage([first]) == 1)
        for (other, field) in [
            (try staged("ADA", line: 9, email: "other@example.org"), "username"),
            (try staged("other", line: 9, email: "Ada@example.org"), "email"),
            (try staged("other", line: 9, id: first.account.user.id), "id"),
        ] {
            await #expect(throws: UsherError.taken(field, line: 9, other: 1)) {
                try await tested.store.stage([staged("bob", line: 8), other])
            }
        }
        #expect(try await tested.store.stage([staged("bob", line: 8)]) == 2)
        #expect(try await tested.store.commitStage(of: 3) == .otherCount(2))
        #expect(try await all(tested.store).isEmpty)
        #expect(try await tested.store.stage([first]) == 1)
        try await tested.store.clearStage()
        #expect(try await tested.store.commitStage(of: 1) == .otherCount(0))
    }

    @Test(arguments: StoreKind.allCases) func accountsComeFirst(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let ada = try samples.account("ada")
        try await tested.store.create(ada, session: samples.session(of: ada.user.id))
        for (other, field) in [
            (try staged("ADA", line: 9, email: "other@example.org"), "username"),
            (try staged("other", line: 9, email: "Ada@example.org"), "email"),
            (try staged("other", line: 9, id: ada.user.id), "id"),
        ] {
            await #expect(throws: UsherError.taken(field, line: 9)) { try await tested.store.stage([other]) }
        }
        // Also those that come between.
        for (name, email, field) in [("bob", "x1@example.org", "username"), ("x1", "bob@example.org", "email")] {
            #expect(try await tested.store.stage([staged("eve", line: 1), staged(name, line: 2, email: email)]) == 2)
            let other = try samples.account(
                field == "email" ? "bob2" : "Bob", email: field == "email" ? "Bob@example.org" : "x2@example.org")
            try await tested.store.create(other, session: samples.session(of: other.user.id))
            #expect(try await tested.store.commitStage(of: 2) == .taken(line: 2, field: field))
            #expect(try await tested.store.commitStage(of: 2) == .otherCount(0))
        }
        #expect(try await Set(all(tested.store)) == ["ada", "Bob", "bob2"])
    }

    @Test(arguments: StoreKind.allCases) func pagesFollowIds(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        var accounts: [Account] = []
        for number in 0..<7 {
            accounts.append(try samples.account("user\(number)"))
            try await tested.store.create(accounts[number], session: samples.session(of: accounts[number].user.id))
        }
        accounts.sort { $0.user.id.uuid < $1.user.id.uuid }
        let first = try await tested.store.accounts(after: nil, most: 3, bytes: .max)
        #expect(first.accounts == Array(accounts[..<3]))
        #expect(first.hasMore)
        let rest = try await tested.store.accounts(after: accounts[2].user.id, most: 4, bytes: .max)
        #expect(rest.accounts == Array(accounts[3...]))
        #expect(!rest.hasMore)
        // At least one, whatever its size.
        let small = try await tested.store.accounts(after: nil, most: 3, bytes: 1)
        #expect(small.accounts == [accounts[0]])
        #expect(small.hasMore)
        let end = try await tested.store.accounts(after: accounts[6].user.id, most: 3, bytes: .max)
        #expect(end.accounts.isEmpty && !end.hasMore)
    }

    @Test func aStoreThatIsOpenedAnewHasNothingStaged() async throws {
        let tested = try StoreUnderTest(.sqlite, clock)
        #expect(try await tested.store.stage([staged("ada", line: 1)]) == 1)
        try tested.restart()
        #expect(try await tested.store.commitStage(of: 1) == .otherCount(0))
        #expect(try await tested.store.stage([staged("ada", line: 1)]) == 1)
    }
}
