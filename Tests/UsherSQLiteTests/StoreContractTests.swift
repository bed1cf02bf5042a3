import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do, whatever it is made of.
enum StoreKind: CaseIterable {
    case inMemory
    case sqlite
}

/// A store of either kind, that can be started anew on the same content.
final class StoreUnderTest {
    private(set) var store: any Store
    private let clock: ManualClock
    private let folder: TemporaryFolder

    init(_ kind: StoreKind, _ clock: ManualClock) throws {
        self.clock = clock
        folder = try TemporaryFolder()
        switch kind {
        case .inMemory: store = InMemoryStore(clock: clock)
        case .sqlite: store = try Self.open(folder, clock)
        }
    }

    /// The folder stays as long as the store does.
    private static func open(_ folder: TemporaryFolder, _ clock: ManualClock) throws -> SQLiteStore {
        try SQLiteStore(at: folder.database, clock: clock) { _ in withExtendedLifetime(folder) {} }
    }

    func restart() throws {
        switch store {
        case let inMemory as InMemoryStore: store = inMemory.restarted()
        case let sqlite as SQLiteStore:
            sqlite.close()
            store = try Self.open(folder, clock)
        default: Issue.record("an unknown store")
        }
    }
}

@Suite struct StoreContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    // MARK: Accounts

    @Test(arguments: StoreKind.allCases) func anAccountComesBackAsItWas(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        var account = try samples.account("Alice.B", email: "Alice@Example.org", hash: "$y$jé$ü")
        account.user.role = "boss \"of\" bosses"
        account.user.permissions = ["post:edit", "user:*", "a,b\"c\\d\n\u{1}\0é😀", "]"].map(Permission.init(stored:))
        account.user.claims = #"{"department":"R\u0000D","n":[1,{}]}"#
        account.user.emailVerified = true
        account.user.lastLoginAt = 7
        account.isDisabled = true
        try await tested.store.create(account, session: samples.session(of: account.user.id))
        try tested.restart()
        #expect(try await tested.store.account(.username(Username(parsing: "Alice.B"))) == account)
        #expect(try await tested.store.account(.email(Email(parsing: "Alice@Example.org"))) == account)
    }

    @Test(arguments: StoreKind.allCases) func namesAreFoundInAnyCase(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("Alice", email: "Alice@Example.org")
        try await store.create(account, session: samples.session(of: account.user.id))
        #expect(try await store.account(.username(Username(parsing: "aLICE"))) == account)
        #expect(try await store.account(.email(Email(parsing: "aLICE@eXAMPLE.org"))) == account)
        #expect(try await store.account(.username(Username(parsing: "Alic"))) == nil)
        #expect(try await store.account(.email(Email(parsing: "alice@example.or"))) == nil)
    }

    @Test(arguments: StoreKind.allCases) func aTakenNameIsRefusedUsernameFirst(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let alice = try samples.account("alice")
        try await store.create(alice, session: samples.session(of: alice.user.id))
        let cases: [(String, String, String?)] = [
            ("ALICE", "ALICE@example.org", "username"), ("ALICE", "other@example.org", "username"),
            ("other", "ALICE@example.org", "email"), ("other", "other@example.org", nil),
        ]
        for (name, email, field) in cases {
            #expect(try await store.takenField(username: Username(parsing: name), email: Email(parsing: email)) == field)
            let account = try samples.account(name, email: email)
            let session = samples.session(of: account.user.id)
            guard let field else {
                try await store.create(account, session: session)
                continue
            }
            await #expect(throws: UsherError(.accountExists, detail: .field(field))) {
                try await store.create(account, session: session)
            }
            #expect(try await store.stored(session.id) == nil)
        }
        #expect(try await store.account(.username(Username(parsing: "alice"))) == alice)
    }

    @Test(arguments: StoreKind.allCases) func theSettingsOfPasswordHashesAreCounted(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        func settings() async throws -> [String: Int64] {
            let hashes = try await tested.store.lookUp(.username(Username(stored: ""))).hashes.filter { $0.users > 0 }
            return Dictionary(uniqueKeysWithValues: hashes.map { ($0.setting, $0.users) })
        }
        #expect(try await settings().isEmpty)
        let alice = try samples.account("alice", hash: "$2b$10$salt")
        for account in [alice, try samples.account("bob", hash: "$2b$10$other"), try samples.account("eve", hash: "$y$jBT$x$y")] {
            try await tested.store.create(account, session: samples.session(of: account.user.id))
        }
        #expect(try await settings() == ["$2b$10$": 2, "$y$jBT$": 1])
        _ = try await tested.store.open(samples.login(alice))
        let login = Login(
            verified: alice.passwordHash, replacement: PasswordHash("$y$jBT$s$d"), session: samples.session(of: alice.user.id),
            maxSessions: 5)
        _ = try await tested.store.open(login)
        // One that came too late changes nothing.
        guard case .stale = try await tested.store.open(login) else { throw UsherError(.internal) }
        try tested.restart()
        #expect(try await settings() == ["$2b$10$": 1, "$y$jBT$": 2])
        // Whoever is found is told the same.
        #expect(try await tested.store.lookUp(.username(alice.user.username)).hashes.filter { $0.users > 0 }.count == 2)
    }

    // MARK: Logins

    @Test(arguments: StoreKind.allCases) func aLoginIsRecorded(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice")
        try await tested.store.create(account, session: samples.session(of: account.user.id))
        clock.advance(seconds: 60)
        let session = samples.session(of: account.user.id)
        let outcome = try await tested.store.open(
            Login(
                verified: account.passwordHash, replacement: PasswordHash("$fast$2"), session: session, maxSessions: 100))
        var expected = account
        expected.passwordHash = PasswordHash("$fast$2")
        expected.user.lastLoginAt = clock.now()
        guard case .opened(let user, let ended) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(user == expected.user)
        #expect(ended.isEmpty)
        try tested.restart()
        #expect(try await tested.store.account(.username(account.user.username)) == expected)
        let stored = try #require(try await tested.store.stored(session.id))
        #expect(stored.account == expected)
        #expect(stored.session.id == session.id && stored.session.user == session.user)
        #expect(stored.session.audience == "usher" && stored.session.generation == 1)
        #expect(stored.session.rotatedAt == session.rotatedAt && stored.session.rotatedService == 60_000)
        #expect(stored.session.expiresAt == session.expiresAt && stored.session.endsAt == session.endsAt)
        #expect(stored.session.accessUntil == session.accessUntil && stored.session.endedAt == nil)
        #expect(stored.session.createdAt == session.createdAt && stored.session.client == session.client)
        let hasSameSeed = stored.session.seed.bytes == session.seed.bytes
        #expect(hasSameSeed)
    }

    @Test(arguments: StoreKind.allCases) func aLoginOfAnOlderHashIsStale(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("alice")
        try await store.create(account, session: samples.session(of: account.user.id))
        let session = samples.session(of: account.user.id)
        let outcome = try await store.open(
            Login(verified: PasswordHash("older"), replacement: PasswordHash("new"), session: session, maxSessions: 100))
        guard case .stale = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(try await store.account(.username(account.user.username)) == account)
        #expect(try await store.stored(session.id) == nil)
        let unknown = try samples.account("unknown")
        guard case .stale = try await store.open(samples.login(unknown)) else {
            Issue.record("an unknown account")
            return
        }
    }

    @Test(arguments: StoreKind.allCases) func aDisabledAccountOpensNothing(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        var account = try samples.account("alice")
        account.isDisabled = true
        try await store.create(account, session: samples.session(of: account.user.id))
        let login = samples.login(account)
        guard case .disabled = try await store.open(login) else {
            Issue.record("a disabled account")
            return
        }
        #expect(try await store.stored(login.session.id) == nil)
        #expect(try await store.account(.username(account.user.username)) == account)
    }

    @Test(arguments: StoreKind.allCases) func theSessionLongestUnusedGivesWay(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("alice")
        let first = samples.session(of: account.user.id)
        try await store.create(account, session: first)
        clock.advance(seconds: 1)
        let second = samples.login(account, max: 3)
        _ = try await store.open(second)
        // Nobody else's, no ended and no expired session counts.
        let bob = try samples.account("bob")
        try await store.create(bob, session: samples.session(of: bob.user.id))
        let expired = samples.login(account, max: 3, lasting: 1)
        _ = try await store.open(expired)
        clock.advance(seconds: 1)
        _ = try await store.rotate(first.id, at: clock.now())
        clock.advance(seconds: 1)
        // A step of the wall clock does not change whose turn it is.
        clock.stepWall(milliseconds: -1_000)
        let third = samples.login(account, max: 3)
        guard case .opened(_, let none) = try await store.open(third) else {
            Issue.record("third")
            return
        }
        #expect(none.isEmpty)
        clock.advance(seconds: 1)
        guard case .opened(_, let ended) = try await store.open(samples.login(account, max: 3)) else {
            Issue.record("fourth")
            return
        }
        let gone = Revocation(kind: .session, id: second.session.id.description, until: second.session.accessUntil)
        #expect(ended == [gone])
        #expect(try await store.stored(second.session.id)?.session.endedAt == clock.now())
        #expect(try await store.stored(first.id)?.session.endedAt == nil)
        #expect(try await store.revocations(since: 0) == [gone])
        // A cap of one leaves the new session alone.
        let last = samples.login(account, max: 1)
        guard case .opened(_, let all) = try await store.open(last) else {
            Issue.record("last")
            return
        }
        #expect(all.count == 3)
        #expect(try await store.stored(last.session.id)?.session.endedAt == nil)
    }

    // MARK: Updates

    @Test(arguments: StoreKind.allCases) func aRotationWritesWhatItSays(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        try await tested.store.create(account, session: session)
        clock.advance(milliseconds: 2_500)
        let client = Client(address: IPAddress(parsing: "192.0.2.1"), userAgent: nil)
        let answer = try await tested.store.update(session.id) { stored, time throws(UsherError) in
            guard var session = stored?.session else { throw UsherError(.tokenRevoked) }
            session.generation = 2
            session.rotatedAt = 11
            session.rotatedService = 999
            session.expiresAt = 12
            session.accessUntil = 13
            session.endedAt = 14
            session.client = client
            return .rotate(session, time.now)
        }
        #expect(answer == 2_500)
        try tested.restart()
        let stored = try #require(try await tested.store.stored(session.id)).session
        #expect(stored.generation == 2 && stored.rotatedAt == 11 && stored.rotatedService == 2_500)
        #expect(stored.expiresAt == 12 && stored.accessUntil == 13 && stored.client == client)
        #expect(stored.endedAt == nil && stored.endsAt == session.endsAt)
        let hasSameSeed = stored.seed.bytes == session.seed.bytes
        #expect(hasSameSeed)
    }

    @Test(arguments: StoreKind.allCases) func whatDecideThrowsChangesNothing(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        try await store.create(account, session: session)
        await #expect(throws: UsherError(.accountDisabled)) {
            try await store.update(session.id) { stored, _ throws(UsherError) -> SessionStep<Int> in
                #expect(stored?.account == account)
                throw UsherError(.accountDisabled)
            }
        }
        #expect(try await store.stored(session.id)?.session.generation == 1)
    }

    @Test(arguments: StoreKind.allCases) func aSessionThatIsNotThereIsToldApart(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let session = samples.session(of: UserID(samples.id()))
        let isThere = try await store.update(session.id) { stored, _ throws(UsherError) in .keep(stored != nil) }
        #expect(!isThere)
        let error = await #expect(throws: UsherError.self) {
            try await store.update(session.id) { _, _ throws(UsherError) in .rotate(session, 1) }
        }
        #expect(error?.code == .internal)
        #expect(try await store.update(session.id) { _, _ throws(UsherError) in .end(5, 1) } == 1)
        #expect(try await store.revocations(since: 0).isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func anEndedSessionIsRevokedAndStaysEnded(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        try await tested.store.create(account, session: session)
        for moment: NumericDate in [100, 200] {
            _ = try await tested.store.update(session.id) { _, _ throws(UsherError) in .end(moment, ()) }
        }
        try tested.restart()
        #expect(try await tested.store.stored(session.id)?.session.endedAt == 100)
        let revocation = Revocation(kind: .session, id: session.id.description, until: session.accessUntil)
        #expect(try await tested.store.revocations(since: session.accessUntil) == [revocation])
        #expect(try await tested.store.revocations(since: session.accessUntil + 1).isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func ofManyUpdatesOneWins(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        try await store.create(account, session: session)
        let winners = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    let outcome = try? await store.update(session.id) { stored, _ throws(UsherError) in
                        guard var session = stored?.session, session.generation == 1 else {
                            throw UsherError(.refreshTokenReused)
                        }
                        session.generation = 2
                        return .rotate(session, true)
                    }
                    return outcome ?? false
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
        #expect(try await store.stored(session.id)?.session.generation == 2)
    }

    // MARK: Revocations

    @Test(arguments: StoreKind.allCases) func allSessionsOfAUserEnd(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("alice")
        let first = samples.session(of: account.user.id)
        try await store.create(account, session: first)
        let second = samples.login(account)
        _ = try await store.open(second)
        let ended = samples.login(account)
        _ = try await store.open(ended)
        _ = try await store.update(ended.session.id) { _, _ throws(UsherError) in .end(1, ()) }
        let bob = try samples.account("bob")
        let others = samples.session(of: bob.user.id)
        try await store.create(bob, session: others)
        let answer = try await store.endSessions(of: account.user.id, at: 42)
        let expected = [first, second.session].map {
            Revocation(kind: .session, id: $0.id.description, until: $0.accessUntil)
        }
        #expect(Set(answer) == Set(expected) && answer.count == 2)
        #expect(try await store.stored(first.id)?.session.endedAt == 42)
        #expect(try await store.stored(ended.session.id)?.session.endedAt == 1)
        #expect(try await store.stored(others.id)?.session.endedAt == nil)
        let all = try await store.revocations(since: 0)
        #expect(all.count == 3 && Set(all).isSuperset(of: expected))
        #expect(try await store.endSessions(of: account.user.id, at: 43).isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func aRevocationIsTheFirstOrTheLonger(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        #expect(try await tested.store.revoke(Revocation(kind: .token, id: "a", until: 50)) == .added)
        #expect(try await tested.store.revoke(Revocation(kind: .token, id: "a", until: 40)) == .known)
        #expect(try await tested.store.revocations(since: 50) == [Revocation(kind: .token, id: "a", until: 50)])
        #expect(try await tested.store.revoke(Revocation(kind: .token, id: "a", until: 60)) == .known)
        #expect(try await tested.store.revoke(Revocation(kind: .session, id: "a", until: 10)) == .added)
        #expect(try await tested.store.revoke(Revocation(kind: .token, id: "A", until: 10)) == .added)
        try tested.restart()
        #expect(try await tested.store.revocations(since: 51) == [Revocation(kind: .token, id: "a", until: 60)])
        #expect(try await tested.store.revocations(since: 10).count == 3)
    }

    @Test(arguments: StoreKind.allCases) func theRevokedTokensOfASessionAreCounted(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let most = Limits.revokedTokensPerSession
        func token(_ id: String, of session: String?, until: NumericDate = 50) -> Revocation {
            Revocation(kind: .token, id: id, until: until, session: session)
        }
        for index in 0..<most { #expect(try await tested.store.revoke(token("\(index)", of: "s", until: 40)) == .added) }
        try tested.restart()
        #expect(try await tested.store.revoke(token("more", of: "s")) == .tooMany)
        #expect(try await tested.store.revoke(token("0", of: "s")) == .known)
        #expect(try await tested.store.revocations(since: 0).count == most)
        // Others have counts of their own, or none.
        #expect(try await tested.store.revoke(token("more", of: "S")) == .added)
        #expect(try await tested.store.revoke(token("none", of: nil)) == .added)
        #expect(try await tested.store.revoke(Revocation(kind: .session, id: "s", until: 50)) == .added)
        // Those that are over count no more.
        _ = try await tested.store.purge(before: 45, most: 1_000)
        #expect(try await tested.store.revoke(token("again", of: "s")) == .added)
    }

    @Test(arguments: StoreKind.allCases) func thePurgeTakesWhatConcernsNoTokenAnyMore(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        let account = try samples.account("alice")
        let start = clock.now()
        let short = samples.session(of: account.user.id, lasting: 100, access: 50)
        try await store.create(account, session: short)
        let refreshed = samples.login(account, lasting: 100)
        _ = try await store.open(refreshed)
        _ = try await store.rotate(refreshed.session.id, at: start + 50)
        let ended = samples.login(account)
        _ = try await store.open(ended)
        _ = try await store.update(ended.session.id) { _, _ throws(UsherError) in .end(start + 10, ()) }
        let tokens = [100, 101].map { Revocation(kind: .token, id: "\($0)", until: start + $0) }
        for token in tokens { _ = try await store.revoke(token) }

        #expect(try await !store.purge(before: start + 100, most: 10))
        #expect(try await store.stored(short.id) != nil)
        #expect(try await store.revocations(since: 0).count == 3)

        #expect(try await !store.purge(before: start + 101, most: 10))
        #expect(try await store.stored(short.id) == nil)
        #expect(try await store.stored(refreshed.session.id) != nil)
        #expect(try await store.stored(ended.session.id) != nil)
        #expect(try await Set(store.revocations(since: 0).map(\.id)) == ["101", ended.session.id.description])

        // An ended session goes once its access tokens are over, long before it would have expired.
        #expect(try await !store.purge(before: start + 901, most: 10))
        #expect(try await store.stored(ended.session.id) == nil)
        #expect(try await store.stored(refreshed.session.id) != nil)
        #expect(try await !store.purge(before: start + 3_650, most: 10))
        #expect(try await store.stored(refreshed.session.id) != nil)
        #expect(try await !store.purge(before: start + 3_651, most: 10))
        #expect(try await store.stored(refreshed.session.id) == nil)
        #expect(try await store.account(.username(account.user.username)) != nil)
    }

    @Test(arguments: StoreKind.allCases) func thePurgeIsBounded(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        for index in 0..<25 { _ = try await store.revoke(Revocation(kind: .token, id: "\(index)", until: 5)) }
        let account = try samples.account("alice")
        try await store.create(account, session: samples.session(of: account.user.id, lasting: 1, access: 1))
        for _ in 0..<24 { _ = try await store.open(samples.login(account, lasting: 1)) }
        #expect(try await store.purge(before: .max, most: 10))
        #expect(try await store.revocations(since: 0).count == 15)
        #expect(try await store.purge(before: .max, most: 10))
        #expect(try await !store.purge(before: .max, most: 10))
        #expect(try await store.revocations(since: 0).isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func theMomentOfThePurgeIsKept(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        // Forwards, backwards, and not at all.
        for moment: NumericDate in [2_000_000_000, 2_000_010_000, 1_000, 1_000] {
            _ = try await tested.store.purge(before: moment, most: 10)
            #expect(try await tested.store.lastPurge() == moment)
            try tested.restart()
            #expect(try await tested.store.lastPurge() == moment)
        }
        _ = try await tested.store.purge(before: 4_000, most: 10)
        let last = try #require(try await tested.store.lastPurge())
        #expect((400...4_000).contains(last))
    }

    // MARK: Service time

    @Test(arguments: StoreKind.allCases) func serviceTimeGoesOnOverARestart(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        #expect(try await tested.store.serviceTime() == ServiceTime(atStart: 0, now: 0))
        clock.advance(milliseconds: 1_234)
        clock.stepWall(milliseconds: 1_000_000)
        #expect(try await tested.store.serviceTime() == ServiceTime(atStart: 0, now: 1_234))
        try tested.restart()
        clock.advance(milliseconds: 1_000)
        #expect(try await tested.store.serviceTime() == ServiceTime(atStart: 1_234, now: 2_234))
    }
}
