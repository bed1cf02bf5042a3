import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do for administrators.
@Suite struct AdministrationContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    /// A store with one account, a session of it, and a second factor in force.
    private func begin(_ kind: StoreKind) async throws -> (StoreUnderTest, Account, Session) {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("Alice", email: "Alice@example.org")
        let session = samples.session(of: account.user.id)
        try await tested.store.create(account, session: session)
        let factor = SecondFactor(sealedSecret: [1, 2], confirmedAt: 5, recoveryCodes: [])
        try await tested.store.updateSecondFactor(of: account.user.id) { _, _, _ in .put(factor, ()) }
        return (tested, account, session)
    }

    @Test(arguments: StoreKind.allCases) func anAccountIsFoundByEachOfItsNames(kind: StoreKind) async throws {
        let (tested, account, _) = try await begin(kind)
        let id = account.user.id
        for name in [id.description, "ALICE", "alice@EXAMPLE.org"] {
            let key = try #require(AccountKey(parsing: name))
            #expect(try await tested.store.find(key) == AccountRecord(account: account, hasSecondFactor: true))
        }
        for name in [samples.id().description, "bob", "alice@example.com"] {
            let key = try #require(AccountKey(parsing: name))
            #expect(try await tested.store.find(key) == nil)
        }
        // One that is not in force yet does not count.
        try await tested.store.updateSecondFactor(of: id) { _, _, _ in .put(SecondFactor(sealedSecret: [1]), ()) }
        #expect(try await tested.store.find(.id(id))?.hasSecondFactor == false)
    }

    @Test(arguments: StoreKind.allCases) func allOfAChangeIsOneTransaction(kind: StoreKind) async throws {
        let (tested, account, session) = try await begin(kind)
        let id = account.user.id
        let token = StoredToken(digest: "d", purpose: .reset, expiresAt: clock.now() + 60)
        #expect(try await tested.store.issue(token, to: .user(id)) != nil)
        let changed = try await tested.store.administer(id, at: clock.now(), until: 5) { record throws(UsherError) in
            record.account.user.role = "editor"
            record.account.passwordHash = PasswordHash("$fast$2$1$1")
            record.hasSecondFactor = false
        }
        let done = try #require(changed)
        #expect(done.before == AccountRecord(account: account, hasSecondFactor: true))
        #expect(done.after.user.role == "editor" && done.after.user.version == 1 && !done.after.hasSecondFactor)
        let expected: Set<Revocation> = [
            Revocation(kind: .user, id: id.description, until: session.accessUntil, version: 1),
            Revocation(kind: .session, id: session.id.description, until: session.accessUntil),
        ]
        #expect(Set(done.revocations) == expected && done.endedSessions == 1)
        try tested.restart()
        #expect(try await tested.store.find(.id(id)) == done.after)
        #expect(try await Set(tested.store.revocations(since: 0)) == expected)
        #expect(try await tested.store.stored(session.id)?.session.endedAt == clock.now())
        // What could reset the old password does not reset the new one.
        #expect(try await tested.store.oneTimeToken("d") == nil)
        let hashes = try await tested.store.lookUp(.username(account.user.username)).hashes.filter { $0.users > 0 }
        #expect(hashes == [HashSetting(setting: "$fast$2$", users: 1)])
        #expect(
            try await tested.store.open(
                Login(
                    verified: done.after.account.passwordHash, replacement: nil, session: samples.session(of: id),
                    maxSessions: 9)
            ).isOpened)
    }

    @Test(arguments: StoreKind.allCases) func aRefusedChangeChangesNothing(kind: StoreKind) async throws {
        let (tested, account, session) = try await begin(kind)
        let other = try samples.account("bob", email: "bob@example.org")
        try await tested.store.create(other, session: nil)
        let before = try await tested.store.find(.id(account.user.id))
        for field in ["username", "email"] {
            await #expect(throws: UsherError(.accountExists, detail: .field(field))) {
                try await tested.store.administer(account.user.id, at: 5, until: 5) { record throws(UsherError) in
                    record.account.passwordHash = PasswordHash("$fast$2")
                    record.hasSecondFactor = false
                    if field == "email" { record.account.user.email = other.user.email }
                    if field == "username" { record.account.user.username = other.user.username }
                }
            }
        }
        await #expect(throws: UsherError.busy) {
            try await tested.store.administer(account.user.id, at: 5, until: 5) { record throws(UsherError) in
                record.account.isDisabled = true
                throw .busy
            }
        }
        #expect(try await tested.store.find(.id(account.user.id)) == before)
        #expect(try await tested.store.stored(session.id)?.session.endedAt == nil)
        #expect(try await tested.store.revocations(since: 0).isEmpty)
        #expect(try await tested.store.administer(UserID(samples.id()), at: 5, until: 5) { (_) throws(UsherError) in } == nil)
    }

    @Test(arguments: StoreKind.allCases) func whatStaysTheSameEndsNothing(kind: StoreKind) async throws {
        let (tested, account, session) = try await begin(kind)
        let done = try await tested.store.administer(account.user.id, at: 5, until: 5) { record throws(UsherError) in
            record.account.user.emailVerified = true
            record.hasSecondFactor = true
        }
        #expect(done?.revocations == [] && done?.after.hasSecondFactor == true && done?.after.user.emailVerified == true)
        #expect(try await tested.store.stored(session.id)?.session.endedAt == nil)
        // Where there is none, none is made.
        try await tested.store.updateSecondFactor(of: account.user.id) { _, _, _ in .remove(()) }
        let none = try await tested.store.administer(account.user.id, at: 5, until: 5) { record throws(UsherError) in
            record.hasSecondFactor = true
        }
        #expect(none?.after.hasSecondFactor == false)
    }
}

extension LoginOutcome {
    fileprivate var isOpened: Bool {
        switch self {
        case .opened: true
        case .disabled, .codeRequired, .codeRefused, .stale: false
        }
    }
}
