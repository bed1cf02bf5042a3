import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do when accounts change or go.
@Suite struct AccountContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    /// A store with one account and a session of it.
    private func begin(_ kind: StoreKind) async throws -> (StoreUnderTest, Account, Session) {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice", email: "alice@example.org")
        let session = samples.session(of: account.user.id)
        try await tested.store.create(account, session: session)
        return (tested, account, session)
    }

    @Test(arguments: StoreKind.allCases) func whatTokensSayRaisesTheVersion(kind: StoreKind) async throws {
        let (tested, account, session) = try await begin(kind)
        let id = account.user.id
        let changes: [@Sendable (inout Account) -> Void] = [
            { $0.user.role = "admin" }, { $0.user.permissions = [Permission(stored: "a\"b:*")] },
            { $0.user.claims = #"{"department":"R&D"}"# }, { $0.isDisabled = true },
            { $0.user.username = Username(stored: "Bob") },
            { $0.user.email = Email(stored: "bob@example.org") },
        ]
        for (index, change) in changes.enumerated() {
            let version = Int64(index + 1)
            let edited = try #require(
                try await tested.store.edit(id, until: 5) { account throws(UsherError) in change(&account) })
            #expect(edited.account.user.version == version)
            // As long as the last token of any session may live.
            #expect(
                edited.revocation
                    == Revocation(kind: .user, id: id.description, until: max(session.accessUntil, 5), version: version))
            try tested.restart()
            #expect(try await tested.store.account(id) == edited.account)
            #expect(try await tested.store.revocations(since: 0) == [try #require(edited.revocation)])
        }
        #expect(try await tested.store.account(.username(Username(parsing: "alice"))) == nil)
        #expect(try await tested.store.account(.email(Email(parsing: "BOB@example.org")))?.user.id == id)
    }

    /// AUTHORIZE and apps compare bytes, and to them these are two.
    @Test(arguments: StoreKind.allCases) func whatUnicodeTakesForEquivalentIsAChange(kind: StoreKind) async throws {
        let (tested, account, _) = try await begin(kind)
        let changes: [@Sendable (inout Account, String) -> Void] = [
            { $0.user.role = $1 }, { $0.user.permissions = [Permission(stored: $1)] }, { $0.user.claims = #"{"a":"\#($1)"}"# },
        ]
        for (index, change) in changes.enumerated() {
            for (step, text) in ["caf\u{e9}", "cafe\u{301}"].enumerated() {
                let edited = try #require(
                    try await tested.store.edit(account.user.id, until: 5) { account throws(UsherError) in change(&account, text)
                    })
                #expect(edited.revocation?.version == Int64(2 * index + step + 1))
            }
        }
        let stored = try #require(try await tested.store.account(account.user.id)).user
        #expect(stored.role.utf8.count == 6 && stored.permissions[0].text.utf8.count == 6 && stored.claims.utf8.count == 14)
    }

    @Test(arguments: StoreKind.allCases) func whatTheyDoNotSayDoesNot(kind: StoreKind) async throws {
        let (tested, account, _) = try await begin(kind)
        let edited = try await tested.store.edit(account.user.id, until: .max) { account throws(UsherError) in
            account.user.emailVerified = true
        }
        #expect(edited?.account.user.emailVerified == true)
        #expect(edited?.account.user.version == 0 && edited?.revocation == nil)
        let same = try await tested.store.edit(account.user.id, until: .max) { (_) throws(UsherError) in }
        #expect(same?.revocation == nil)
        #expect(try await tested.store.revocations(since: 0).isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func aRefusedChangeChangesNothing(kind: StoreKind) async throws {
        let (tested, account, _) = try await begin(kind)
        let other = try samples.account("bob", email: "bob@example.org")
        try await tested.store.create(other, session: samples.session(of: other.user.id))
        for (field, change) in [
            ("username", { @Sendable (account: inout Account) in account.user.username = Username(stored: "BOB") }),
            ("email", { @Sendable (account: inout Account) in account.user.email = Email(stored: "Bob@Example.org") }),
        ] {
            await #expect(throws: UsherError(.accountExists, detail: .field(field))) {
                try await tested.store.edit(account.user.id, until: 5) { account throws(UsherError) in
                    account.user.role = "admin"
                    change(&account)
                }
            }
        }
        await #expect(throws: UsherError.busy) {
            try await tested.store.edit(account.user.id, until: 5) { account throws(UsherError) in
                account.user.role = "admin"
                throw .busy
            }
        }
        #expect(try await tested.store.account(account.user.id) == account)
        #expect(try await tested.store.revocations(since: 0).isEmpty)
        // One's own name in another case is free.
        let edited = try await tested.store.edit(account.user.id, until: 5) { account throws(UsherError) in
            account.user.username = Username(stored: "ALICE")
        }
        #expect(edited?.account.user.username.text == "ALICE")
        #expect(try await tested.store.edit(UserID(samples.id()), until: 5) { (_) throws(UsherError) in } == nil)
    }

    /// Somebody may have read the mails, and the address may come back.
    @Test(arguments: StoreKind.allCases) func anotherEmailVoidsOneTimeTokens(kind: StoreKind) async throws {
        let (tested, account, _) = try await begin(kind)
        let other = try samples.account("bob")
        try await tested.store.create(other, session: nil)
        for (digest, purpose, user) in [("a", TokenPurpose.reset, account), ("b", .confirmation, account), ("c", .reset, other)] {
            let token = StoredToken(digest: digest, purpose: purpose, expiresAt: clock.now() + 5)
            #expect(try await tested.store.issue(token, to: .user(user.user.id)) != nil)
        }
        func move(to email: String) async throws -> [Bool] {
            _ = try await tested.store.edit(account.user.id, until: 5) { account throws(UsherError) in
                account.user.email = Email(stored: email)
            }
            try tested.restart()
            var areThere: [Bool] = []
            for digest in ["a", "b", "c"] { areThere.append(try await tested.store.oneTimeToken(digest) != nil) }
            return areThere
        }
        #expect(try await move(to: "ALICE@example.org") == [true, true, true])
        #expect(try await move(to: "new@example.org") == [false, false, true])
        #expect(try await move(to: "alice@example.org") == [false, false, true])
    }

    @Test(arguments: StoreKind.allCases) func whatIsDeletedIsGone(kind: StoreKind) async throws {
        let (tested, account, session) = try await begin(kind)
        let id = account.user.id
        #expect(try await tested.store.delete(id, verified: PasswordHash("$y$other"), until: 5) == nil)
        #expect(try await tested.store.delete(UserID(samples.id()), verified: nil, until: 5) == nil)
        let found = try await tested.store.find(.id(id))
        let deleted = try #require(try await tested.store.delete(id, verified: account.passwordHash, until: .max >> 11))
        #expect(deleted.record == found)
        #expect(
            deleted.revocation
                == Revocation(kind: .user, id: id.description, until: .max >> 11, version: Revocation.deleted))
        try tested.restart()
        #expect(try await tested.store.account(id) == nil)
        #expect(try await tested.store.sessions(of: id, at: 0).isEmpty)
        #expect(try await tested.store.stored(session.id) == nil)
        #expect(try await tested.store.revocations(since: 0) == [deleted.revocation])
        let name = try await tested.store.lookUp(.username(account.user.username))
        #expect(name.account == nil && name.hashes.allSatisfy { $0.users == 0 })
        // The name is free again, and who takes it gets nothing of the old account.
        let next = try samples.account("alice", email: "alice@example.org")
        try await tested.store.create(next, session: samples.session(of: next.user.id))
        #expect(try await tested.store.account(next.user.id)?.user.version == 0)
        #expect(try await tested.store.delete(next.user.id, verified: nil, until: session.accessUntil) != nil)
    }

    @Test(arguments: StoreKind.allCases) func sessionsAreListedTheLastUsedFirst(kind: StoreKind) async throws {
        let (tested, account, first) = try await begin(kind)
        var sessions = [first]
        for _ in 0..<3 {
            clock.advance(seconds: 1)
            var session = samples.session(of: account.user.id)
            session.client = Client(address: IPAddress(parsing: "192.0.2.1"), userAgent: "é")
            let login = Login(verified: account.passwordHash, replacement: nil, session: session, maxSessions: 10)
            _ = try await tested.store.open(login)
            sessions.append(session)
        }
        clock.advance(seconds: 1)
        _ = try await tested.store.update(sessions[1].id) { stored, _ in .rotate(stored!.session, 0) }
        _ = try await tested.store.update(sessions[2].id) { _, _ in .end(1, 0) }
        try tested.restart()
        let listed = try await tested.store.sessions(of: account.user.id, at: first.expiresAt - 1)
        #expect(listed.map(\.id) == [sessions[1].id, sessions[3].id, first.id])
        #expect(listed[1].client == sessions[3].client && listed[1].audience == sessions[3].audience)
        #expect(try await tested.store.sessions(of: account.user.id, at: .max >> 11).isEmpty)
        #expect(try await tested.store.sessions(of: UserID(samples.id()), at: 0).isEmpty)
    }
}
