import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do with one-time tokens, and with passwords that are replaced.
@Suite struct OneTimeTokenContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    private func token(_ digest: String, _ purpose: TokenPurpose = .reset, lasting seconds: Int64 = 60) -> StoredToken {
        StoredToken(digest: digest, purpose: purpose, expiresAt: clock.now() + seconds)
    }

    private func alice(_ store: any Store) async throws -> Account {
        let account = try samples.account("Alice")
        try await store.create(account, session: nil)
        return account
    }

    // MARK: Issue

    @Test(arguments: StoreKind.allCases) func aTokenIsIssuedAndFound(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try await alice(tested.store)
        #expect(try await tested.store.issue(token("a"), to: .email(Email(parsing: "ALICE@example.org"))) == account.user)
        #expect(try await tested.store.issue(token("b"), to: .user(account.user.id)) == account.user)
        try tested.restart()
        for digest in ["a", "b"] {
            let found = try #require(try await tested.store.oneTimeToken(digest))
            #expect(found.account == account && found.email.text == "Alice@example.org")
            #expect(found.expiresAt == clock.now() + 60)
        }
        #expect(try await tested.store.oneTimeToken("c") == nil)
    }

    @Test(arguments: StoreKind.allCases) func nobodyElseGetsOne(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        var disabled = try samples.account("dora")
        disabled.isDisabled = true
        var confirmed = try samples.account("carl")
        confirmed.user.emailVerified = true
        for account in [disabled, confirmed] { try await store.create(account, session: nil) }
        #expect(try await store.issue(token("a"), to: .email(Email(parsing: "nobody@example.org"))) == nil)
        for purpose in TokenPurpose.allCases {
            #expect(try await store.issue(token("d", purpose), to: .user(disabled.user.id)) == nil)
            #expect(try await store.oneTimeToken("d") == nil)
        }
        #expect(try await store.issue(token("c", .confirmation), to: .email(confirmed.user.email)) == nil)
        #expect(try await store.issue(token("r", .reset), to: .email(confirmed.user.email)) == confirmed.user)
    }

    @Test(arguments: StoreKind.allCases) func theOldestGivesWay(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try await alice(store)
        let bob = try samples.account("bob")
        try await store.create(bob, session: nil)
        _ = try await store.issue(token("confirmation", .confirmation), to: .user(alice.user.id))
        for number in 0...Limits.oneTimeTokens {
            _ = try await store.issue(token("\(number)"), to: .user(alice.user.id))
            _ = try await store.issue(token("bob"), to: .user(bob.user.id))
            _ = try await store.resetPassword(by: "bob", to: bob.passwordHash, at: clock.now())
        }
        #expect(try await store.oneTimeToken("0") == nil)
        for digest in ["1", "\(Limits.oneTimeTokens)", "confirmation"] {
            #expect(try await store.oneTimeToken(digest) != nil)
        }
    }

    /// Who waits for the answer cannot tell from a commit whether there is such an account.
    @Test func forNobodySomethingIsWrittenToo() throws {
        let folder = try TemporaryFolder()
        let database = try Opening(path: folder.database, vfs: nil).open()
        let before = database.totalChanges
        let transaction = Transaction(database, time: ServiceTime(atStart: 0, now: 5))
        #expect(try transaction.issue(token("a"), to: .email(Email(parsing: "nobody@example.org"))) == nil)
        #expect(database.totalChanges > before)
    }

    // MARK: Use

    @Test(arguments: StoreKind.allCases) func aResetChangesEverything(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice", hash: "$2b$10$old")
        let sessions = [samples.session(of: account.user.id), samples.session(of: account.user.id)]
        try await tested.store.create(account, session: sessions[0])
        let login = Login(verified: account.passwordHash, replacement: nil, session: sessions[1], maxSessions: 5)
        _ = try await tested.store.open(login)
        let bob = try samples.account("bob")
        let others = samples.session(of: bob.user.id)
        try await tested.store.create(bob, session: others)
        for (digest, purpose) in [("a", TokenPurpose.reset), ("b", .reset), ("c", .confirmation)] {
            _ = try await tested.store.issue(token(digest, purpose), to: .user(account.user.id))
        }
        let reset = try await tested.store.resetPassword(by: "a", to: PasswordHash("$y$jBT$new"), at: clock.now())
        #expect(reset.user.id == account.user.id && reset.user.emailVerified)
        #expect(Set(reset.ended.map(\.id)) == Set(sessions.map(\.id.description)))
        try tested.restart()
        let found = try await tested.store.lookUp(.username(account.user.username))
        #expect(found.account?.passwordHash.text == "$y$jBT$new" && found.account?.user.emailVerified == true)
        let settings = found.hashes.filter { $0.users > 0 }.map(\.setting)
        #expect(settings.contains("$y$jBT$") && !settings.contains("$2b$10$"))
        for session in sessions { #expect(try await tested.store.stored(session.id)?.session.endedAt == clock.now()) }
        #expect(try await tested.store.stored(others.id)?.session.endedAt == nil)
        for digest in ["a", "b", "c"] { #expect(try await tested.store.oneTimeToken(digest) == nil) }
        await #expect(throws: UsherError(.tokenInvalid)) {
            try await tested.store.resetPassword(by: "a", to: PasswordHash("$y$jBT$other"), at: clock.now())
        }
        #expect(try await tested.store.account(account.user.id)?.passwordHash.text == "$y$jBT$new")
    }

    @Test(arguments: StoreKind.allCases) func aConfirmationConfirms(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try await alice(tested.store)
        for digest in ["a", "b"] { _ = try await tested.store.issue(token(digest, .confirmation), to: .user(account.user.id)) }
        _ = try await tested.store.issue(token("r"), to: .user(account.user.id))
        #expect(try await tested.store.confirmEmail(by: "a", at: clock.now()).emailVerified)
        try tested.restart()
        #expect(try await tested.store.account(account.user.id)?.user.emailVerified == true)
        for digest in ["a", "b"] {
            await #expect(throws: UsherError(.tokenInvalid)) { try await tested.store.confirmEmail(by: digest, at: clock.now()) }
        }
        #expect(try await tested.store.oneTimeToken("r") != nil)
    }

    @Test(arguments: StoreKind.allCases) func whatIsOverChangesNothing(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try await alice(store)
        _ = try await store.issue(token("a"), to: .user(account.user.id))
        _ = try await store.issue(token("b", .confirmation), to: .user(account.user.id))
        clock.advance(seconds: 60)
        let expired = UsherError(.tokenExpired, detail: .expiredAt(clock.now()))
        await #expect(throws: expired) {
            try await store.resetPassword(by: "a", to: PasswordHash("$y$jBT$new"), at: clock.now())
        }
        await #expect(throws: expired) { try await store.confirmEmail(by: "b", at: clock.now()) }
        #expect(try await store.account(account.user.id) == account)
        #expect(try await !store.purge(before: clock.now(), most: 10))
        #expect(try await store.oneTimeToken("a") != nil)
        #expect(try await store.purge(before: clock.now() + 1, most: 1))
        #expect(try await !store.purge(before: clock.now() + 1, most: 5))
        #expect(try await store.oneTimeToken("a") == nil)
        #expect(try await store.oneTimeToken("b") == nil)
    }

    // MARK: A password that is changed

    @Test(arguments: StoreKind.allCases) func aChangedPasswordEndsOtherSessions(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice", hash: "$2b$10$old")
        let kept = samples.session(of: account.user.id)
        try await tested.store.create(account, session: kept)
        let other = samples.login(account)
        _ = try await tested.store.open(other)
        _ = try await tested.store.issue(token("r"), to: .user(account.user.id))
        _ = try await tested.store.issue(token("c", .confirmation), to: .user(account.user.id))
        func change(from hash: PasswordHash) async throws -> [Revocation]? {
            try await tested.store.changePassword(
                of: account.user.id, from: hash, to: PasswordHash("$y$jBT$new"), keeping: kept.id, at: clock.now())
        }
        #expect(try await change(from: PasswordHash("$2b$10$older")) == nil)
        #expect(try await tested.store.account(account.user.id)?.passwordHash == account.passwordHash)
        #expect(try await change(from: account.passwordHash)?.map(\.id) == [other.session.id.description])
        #expect(try await change(from: account.passwordHash) == nil)
        try tested.restart()
        #expect(try await tested.store.stored(kept.id)?.session.endedAt == nil)
        #expect(try await tested.store.stored(other.session.id)?.session.endedAt == clock.now())
        let changed = try await tested.store.account(account.user.id)
        #expect(changed?.passwordHash.text == "$y$jBT$new" && changed?.user.emailVerified == false)
        #expect(try await tested.store.oneTimeToken("r") == nil)
        #expect(try await tested.store.oneTimeToken("c") != nil)
    }

    @Test(arguments: StoreKind.allCases) func aPasswordOfNobodyIsNotChanged(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        var account = try samples.account("alice")
        account.isDisabled = true
        try await store.create(account, session: nil)
        for (user, code) in [(account.user.id, UsherError.Code.accountDisabled), (UserID(samples.id()), .tokenRevoked)] {
            await #expect(throws: UsherError(code)) {
                try await store.changePassword(
                    of: user, from: account.passwordHash, to: PasswordHash("new"), keeping: SessionID(samples.id()),
                    at: clock.now())
            }
        }
        #expect(try await store.account(account.user.id) == account)
    }
}
