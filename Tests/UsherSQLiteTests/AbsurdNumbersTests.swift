import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// Numbers that no store has written: somebody has edited the file, or the disk has.
@Suite struct AbsurdNumbersTests {
    static let numbers: [Int64] = [.min, -1, 1 << 53 + 1, .max]
    static let columns = [
        "generation", "rotated_at", "rotated_service", "expires_at", "ends_at", "access_until", "ended_at", "created_at",
    ]

    let samples = Samples()

    /// A store with an account and a session, edited by `sql` while it was closed.
    private func edited(_ sql: String, _ body: (SQLiteStore, Account, Session) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        let before = try SQLiteStore(at: folder.database, clock: samples.clock)
        try await before.create(account, session: session)
        _ = try await before.revoke(Revocation(kind: .token, id: "a", until: 5))
        before.close()
        execute(sql, on: folder.database)
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        defer { store.close() }
        try await body(store, account, session)
    }

    private func isUnreadable<Answer>(_ column: String, _ call: () async throws -> Answer) async {
        let error = await #expect(throws: UsherError.self) { _ = try await call() }
        #expect(error?.code == .internal && error?.cause?.contains("unreadable row: \(column) is ") == true)
    }

    @Test(arguments: columns, numbers) func aSessionWithOneIsUnreadable(column: String, number: Int64) async throws {
        try await edited("UPDATE sessions SET \(column) = \(number)") { store, account, session async throws in
            await isUnreadable(column) { try await store.stored(session.id) }
            // What does not touch that row goes on.
            #expect(try await store.account(.username(account.user.username)) == account)
            _ = try await store.purge(before: 5, most: 10)
        }
    }

    @Test(arguments: ["created_at", "last_login_at", "version"], numbers)
    func anAccountWithOneIsUnreadable(column: String, number: Int64) async throws {
        try await edited("UPDATE users SET \(column) = \(number)") { store, account, session async throws in
            await isUnreadable(column) { try await store.account(.username(account.user.username)) }
            await isUnreadable(column) { try await store.open(samples.login(account)) }
            await isUnreadable(column) { try await store.stored(session.id) }
        }
    }

    @Test(arguments: ["confirmed_at", "last_step", "failures", "blocked_service"], numbers)
    func aSecondFactorWithOneLetsNobodyIn(column: String, number: Int64) async throws {
        let factor =
            "INSERT INTO second_factors SELECT id, x'00', 1, 0, x'', 0, 0 FROM users; "
            + "UPDATE second_factors SET \(column) = \(number)"
        try await edited(factor) { store, account, _ async throws in
            await isUnreadable(column) { try await store.open(samples.login(account)) }
            await isUnreadable(column) {
                try await store.updateSecondFactor(of: account.user.id) { _, _, _ in .keep(()) }
            }
        }
    }

    @Test func recoveryCodesThatWereCutLetNobodyIn() async throws {
        let factor = "INSERT INTO second_factors SELECT id, x'00', 1, 0, x'0011', 0, 0 FROM users"
        try await edited(factor) { store, account, _ async throws in
            let error = await #expect(throws: UsherError.self) { _ = try await store.open(samples.login(account)) }
            #expect(error?.cause == "unreadable row: the recovery codes of user \(account.user.id)")
        }
    }

    @Test(arguments: numbers) func aRevocationWithOneIsUnreadable(number: Int64) async throws {
        try await edited("UPDATE revocations SET until = \(number)") { store, _, _ async throws in
            await isUnreadable("until") { try await store.revocations(since: .min) }
            await isUnreadable("until") { try await store.revoke(Revocation(kind: .token, id: "a", until: 6)) }
            // A purge goes by its order alone: what lies before the beginning of time is over.
            #expect(try await store.purge(before: 6, most: 10) == false)
            if number < 0 { #expect(try await store.revocations(since: .min).isEmpty) }
        }
        try await edited("UPDATE revocations SET version = \(number)") { store, _, _ async throws in
            await isUnreadable("version") { try await store.revocations(since: .min) }
        }
    }

    @Test(arguments: ["count", "since_service"], numbers)
    func aThrottleWithOneIsUnreadable(column: String, number: Int64) async throws {
        let row = "INSERT INTO throttles (kind, subject, address, count, since_service) VALUES (0, zeroblob(16), 0, 1, 1);"
        try await edited(row + "UPDATE throttles SET \(column) = \(number)") { store, _, _ async throws in
            await isUnreadable(column) { try await store.throttles() }
        }
    }

    @Test(arguments: numbers) func anEndedSessionWithOneIsUnreadable(number: Int64) async throws {
        try await edited("UPDATE sessions SET ended_at = 1, access_until = \(number)") { store, _, _ async throws in
            await isUnreadable("access_until") { try await store.revocations(since: .min) }
        }
        try await edited("UPDATE sessions SET access_until = \(number)") { store, account, session async throws in
            await isUnreadable("access_until") { try await store.endSessions(of: account.user.id, at: 5) }
            // Nothing of it was done.
            #expect(try await store.revocations(since: 0) == [Revocation(kind: .token, id: "a", until: 5)])
        }
    }
}
