import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

@Suite struct SecondFactorContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    private func factor(_ confirmedAt: NumericDate? = 5, codes: Int = 2) -> SecondFactor {
        SecondFactor(
            sealedSecret: [0, 1, 255], confirmedAt: confirmedAt, lastStep: 7,
            recoveryCodes: (0..<codes).map { [UInt8](repeating: UInt8($0), count: 32) }, failures: 3, blockedUntil: 9)
    }

    private func stored(_ store: any Store, _ user: UserID) async throws -> SecondFactor? {
        try await store.updateSecondFactor(of: user) { _, factor, _ in .keep(factor) }
    }

    private func put(_ factor: SecondFactor, _ store: any Store, _ user: UserID) async throws {
        try await store.updateSecondFactor(of: user) { _, _, _ in .put(factor, ()) }
    }

    private func member(_ store: any Store, _ name: String = "alice") async throws -> Account {
        let account = try samples.account(name)
        try await store.create(account, session: samples.session(of: account.user.id))
        return account
    }

    private func login(
        _ account: Account, replacement: PasswordHash? = nil,
        code: (@Sendable (SecondFactor, ServiceTime) throws(UsherError) -> CodeOutcome)? = nil
    ) -> Login {
        Login(
            verified: account.passwordHash, replacement: replacement, session: samples.session(of: account.user.id),
            maxSessions: 5, code: code)
    }

    @Test(arguments: StoreKind.allCases) func `it comes back as it was, is replaced, and goes away`(kind: StoreKind) async throws
    {
        let tested = try StoreUnderTest(kind, clock)
        let alice = try await member(tested.store)
        let bob = try await member(tested.store, "bob")
        #expect(try await stored(tested.store, alice.user.id) == nil)
        for factor in [factor(nil, codes: 0), factor(codes: 10), factor(codes: 0)] {
            try await put(factor, tested.store, alice.user.id)
            try tested.restart()
            #expect(try await stored(tested.store, alice.user.id) == factor)
            #expect(try await stored(tested.store, bob.user.id) == nil)
        }
        try await tested.store.updateSecondFactor(of: alice.user.id) { _, _, _ in .remove(()) }
        #expect(try await stored(tested.store, alice.user.id) == nil)
    }

    @Test(arguments: StoreKind.allCases) func `the account is told with it`(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try await member(store)
        let seen = try await store.updateSecondFactor(of: alice.user.id) { account, _, time in .keep((account, time)) }
        #expect(seen.0 == alice)
        #expect(try await seen.1 == store.serviceTime())
        let nobody = try await store.updateSecondFactor(of: UserID(samples.id())) { account, _, _ in .keep(account) }
        #expect(nobody == nil)
    }

    @Test(arguments: StoreKind.allCases) func `what throws changes nothing`(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try await member(store)
        try await put(factor(), store, alice.user.id)
        await #expect(throws: UsherError(.tokenRevoked)) {
            try await store.updateSecondFactor(of: alice.user.id) { _, _, _ throws(UsherError) -> SecondFactorStep<Void> in
                throw UsherError(.tokenRevoked)
            }
        }
        #expect(try await stored(store, alice.user.id) == factor())
    }

    @Test(arguments: StoreKind.allCases) func `a login needs a code once it is in force`(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try await member(store)
        try await put(factor(nil), store, alice.user.id)
        guard case .opened = try await store.open(login(alice)) else { throw UsherError(.internal) }
        let last = try await store.account(alice.user.id)

        clock.advance(seconds: 9)
        try await put(factor(), store, alice.user.id)
        let waiting = login(alice)
        guard case .codeRequired = try await store.open(waiting) else { throw UsherError(.internal) }
        #expect(try await store.stored(waiting.session.id) == nil)
        #expect(try await store.account(alice.user.id) == last)
    }

    @Test(arguments: StoreKind.allCases) func `a new hash is kept all the same`(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let alice = try await member(tested.store)
        try await put(factor(), tested.store, alice.user.id)
        let newer = PasswordHash("$y$jBT$newer$x")
        guard case .codeRequired = try await tested.store.open(login(alice, replacement: newer)) else {
            throw UsherError(.internal)
        }
        try tested.restart()
        #expect(try await tested.store.account(alice.user.id)?.passwordHash == newer)
        let hashes = try await tested.store.lookUp(.username(alice.user.username)).hashes.filter { $0.users > 0 }
        #expect(hashes == [HashSetting(setting: "$y$jBT$", users: 1)])
    }

    @Test(arguments: StoreKind.allCases) func `what a code does is kept, right or wrong`(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let alice = try await member(tested.store)
        try await put(factor(), tested.store, alice.user.id)
        let wrong = login(alice) { factor, _ in
            var factor = factor
            factor.failures += 1
            return CodeOutcome(factor, refusal: UsherError(.invalidCredentials, "wrong"))
        }
        guard case .codeRefused(UsherError(.invalidCredentials, "wrong")) = try await tested.store.open(wrong) else {
            throw UsherError(.internal)
        }
        #expect(try await tested.store.stored(wrong.session.id) == nil)
        try tested.restart()
        #expect(try await stored(tested.store, alice.user.id)?.failures == 4)

        let right = login(alice) { factor, _ in
            var factor = factor
            factor.lastStep = 8
            factor.recoveryCodes.removeFirst()
            return CodeOutcome(factor)
        }
        guard case .opened = try await tested.store.open(right) else { throw UsherError(.internal) }
        #expect(try await tested.store.stored(right.session.id) != nil)
        try tested.restart()
        let left = try await stored(tested.store, alice.user.id)
        #expect(left?.lastStep == 8)
        #expect(left?.recoveryCodes == [[UInt8](repeating: 1, count: 32)])
    }

    @Test(arguments: StoreKind.allCases) func `a code where none is asked for is stale`(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try await member(store)
        for pending in [nil, factor(nil)] {
            if let pending { try await put(pending, store, alice.user.id) }
            guard case .stale = try await store.open(login(alice) { factor, _ in CodeOutcome(factor) }) else {
                throw UsherError(.internal)
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func `a reset leaves it to who was confirmed once`(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let confirm: @Sendable (inout Account) -> Void = { $0.user.emailVerified = true }
        let move: @Sendable (inout Account) -> Void = {
            $0.user.email = Email(stored: "new@example.org")
            $0.user.emailVerified = false
        }
        let lives: [(changes: [@Sendable (inout Account) -> Void], isImported: Bool, isKept: Bool)] = [
            ([], false, false), ([move], false, false), ([confirm], false, true), ([confirm, move], false, true),
            ([confirm, move, { $0.user.role = "editor" }], false, true), ([], true, true), ([move], true, true),
        ]
        for life in lives {
            var account = try samples.account("alice")
            if life.isImported {
                confirm(&account)
                _ = try await tested.store.stage([StagedAccount(line: 1, account: account)])
                #expect(try await tested.store.commitStage(of: 1) == .committed)
            } else {
                try await tested.store.create(account, session: nil)
            }
            let user = account.user.id
            try await put(factor(), tested.store, user)
            for change in life.changes {
                _ = try await tested.store.edit(user, until: 5) { account throws(UsherError) in change(&account) }
            }
            try tested.restart()
            _ = try await tested.store.issue(
                StoredToken(digest: "a", purpose: .reset, expiresAt: clock.now() + 5), to: .user(user))
            let reset = try await tested.store.resetPassword(by: "a", to: PasswordHash("$y$new"), at: clock.now())
            #expect(reset.user.emailVerified)
            #expect((try await stored(tested.store, user) != nil) == life.isKept, "\(life)")
            // From now on it counts as confirmed.
            try await put(factor(), tested.store, user)
            _ = try await tested.store.issue(
                StoredToken(digest: "b", purpose: .reset, expiresAt: clock.now() + 5), to: .user(user))
            _ = try await tested.store.resetPassword(by: "b", to: PasswordHash("$y$new"), at: clock.now())
            #expect(try await stored(tested.store, user) != nil)
            _ = try await tested.store.delete(user, verified: nil, until: 0)
        }
    }

    @Test(arguments: StoreKind.allCases) func `what cannot be checked opens nothing`(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try await member(store)
        try await put(factor(), store, alice.user.id)
        let attempt = login(alice) { _, _ throws(UsherError) in throw UsherError(.internal, cause: "another key") }
        await #expect(throws: UsherError(.internal, cause: "another key")) { _ = try await store.open(attempt) }
        #expect(try await store.stored(attempt.session.id) == nil)
    }
}

/// Which data key a database opens with.
@Suite struct DataKeyTests {
    let samples = Samples()

    private func open(_ folder: TemporaryFolder, _ dataKey: String) throws(StoreOpenError) -> SQLiteStore {
        try SQLiteStore(at: folder.database, clock: samples.clock, dataKey: dataKey)
    }

    @Test func `only with the one that its secrets are sealed under`() async throws {
        let folder = try TemporaryFolder()
        // As long as nothing is sealed, or nothing in force, any key will do.
        try open(folder, "first").close()
        let store = try open(folder, "second")
        let account = try samples.account("alice")
        try await store.create(account, session: samples.session(of: account.user.id))
        try await store.updateSecondFactor(of: account.user.id) { _, _, _ in .put(SecondFactor(sealedSecret: [1]), ()) }
        store.close()
        let third = try open(folder, "third")
        // What was pending could not be opened any more.
        #expect(try await third.updateSecondFactor(of: account.user.id) { _, factor, _ in .keep(factor) } == nil)
        try await third.updateSecondFactor(of: account.user.id) { _, _, _ in
            .put(SecondFactor(sealedSecret: [1], confirmedAt: 5), ())
        }
        third.close()

        let error = #expect(throws: StoreOpenError.self) { try open(folder, "fourth") }
        #expect(error?.problem == "its users' second factors are sealed under the data key third, and the one given is fourth")
        #expect(error?.advice.contains("USHER_DATA_KEY") == true)
        try open(folder, "third").close()
        // What the manual says of a key that is lost.
        execute("DELETE FROM data_key", on: folder.database)
        let last = try open(folder, "fourth")
        #expect(try await last.updateSecondFactor(of: account.user.id) { _, factor, _ in .keep(factor) } != nil)
        last.close()
    }
}
