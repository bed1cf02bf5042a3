import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do with what administrators did.
@Suite struct AuditContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    private static let root = AuditEntry.Actor(uid: 0, loginName: "root")
    private static let nameless = AuditEntry.Actor(uid: .max, loginName: nil)

    private func act(
        _ op: String = "USER_SET", by actor: AuditEntry.Actor = Self.root, on subject: AuditEntry.Subject? = nil,
        at: NumericDate = 5
    ) -> AuditEntry {
        AuditEntry(at: at, op: op, actor: actor, subject: subject, change: Event.Change(before: nil, after: #"{"a":"é"}"#))
    }

    private func note<Answer>(_ act: AuditEntry?) -> AuditNote<Answer> { { _ in act } }

    private func keep(_ acts: [AuditEntry], in store: any Store) async throws {
        for act in acts { _ = try await store.endSessions(of: UserID(samples.id()), at: 1) { _ in act } }
    }

    private func all(_ store: any Store) async throws -> [AuditEntry] {
        try await store.acts(AuditQuery(most: 1_000)).acts.map(\.entry)
    }

    @Test(arguments: StoreKind.allCases) func anActIsKeptAsItWas(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let gone = UserID(samples.id())
        let acts = [
            act(on: .user(gone, username: "ada")), act("ROLE_GRANT", by: Self.nameless, on: .role("editor")),
            AuditEntry(at: 7, op: "EXPORT", actor: Self.root, subject: nil, change: Event.Change(before: "{}", after: nil)),
        ]
        try await keep(acts, in: tested.store)
        try tested.restart()
        let page = try await tested.store.acts(AuditQuery(most: 3))
        #expect(page.acts.map(\.entry) == acts.reversed() && page.acts.map(\.id) == [3, 2, 1] && page.next == nil)
    }

    /// Each call that administrators make, once granted and once refused.
    @Test(arguments: StoreKind.allCases) func anActAndWhatIsKeptOfItAreOne(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let store = tested.store
        let account = try samples.account("ada")
        let session = samples.session(of: account.user.id)
        let id = account.user.id
        try await store.create(account, session: session) { act("create") }
        await #expect(throws: UsherError(.accountExists, detail: .field("username"))) {
            try await store.create(account, session: nil) { act("no") }
        }
        let changed: AuditNote<AdministeredAccount?> = { $0.map { act("administer", at: $0.after.user.version + 1) } }
        _ = try await store.administer(id, at: 1, until: 5, audit: changed) { $0.account.user.role = "editor" }
        await #expect(throws: UsherError.busy) {
            try await store.administer(id, at: 1, until: 5, audit: note(act("no"))) { record throws(UsherError) in
                record.account.user.role = "boss"
                throw .busy
            }
        }
        let other = UserID(samples.id())
        #expect(try await store.administer(other, at: 1, until: 5, audit: changed) { _ in } == nil)
        #expect(try await store.delete(other, verified: nil, until: 5) { $0.map { _ in act("no") } } == nil)
        let ended: AuditNote<Bool> = { $0 ? act("update") : nil }
        let hasEnded = try await store.update(session.id, audit: ended) { _, _ in .end(1, true) }
        #expect(hasEnded)
        await #expect(throws: UsherError.busy) {
            try await store.update(session.id, audit: ended) { _, _ throws(UsherError) -> SessionStep<Bool> in throw .busy }
        }
        #expect(try await store.endSessions(of: id, at: 1) { $0.isEmpty ? act("endSessions") : nil }.isEmpty)
        _ = try await store.editRole("a", until: 5, most: 1, audit: note(act("editRole"))) { _ in [] }
        await #expect(throws: UsherError.tooManyRoles(1)) {
            try await store.editRole("b", until: 5, most: 1, audit: note(act("no"))) { _ in [] }
        }
        #expect(try await store.stage([StagedAccount(line: 1, account: try samples.account("bob"))]) == 1)
        let committed: AuditNote<StageOutcome> = { $0 == .committed ? act("commitStage") : nil }
        #expect(try await store.commitStage(of: 1, audit: committed) == .committed)
        #expect(try await store.commitStage(of: 1, audit: committed) == .otherCount(0))
        #expect(
            try await store.accounts(after: nil, most: 9, bytes: 9_999) { act("accounts", at: Int64($0.accounts.count)) }.accounts
                .count == 2)
        #expect(
            try await store.delete(id, verified: nil, until: 5) {
                $0.map { act("delete", on: .user($0.record.user.id, username: "ada")) }
            } != nil)
        let expected = ["create", "administer", "update", "endSessions", "editRole", "commitStage", "accounts", "delete"]
        #expect(try await all(store).map(\.op) == expected.reversed())
        try tested.restart()
        let entries = try await all(tested.store)
        #expect(entries.map(\.op) == expected.reversed())
        #expect(entries.map(\.at) == [5, 2, 5, 5, 5, 5, 2, 5])
        #expect(try await tested.store.acts(AuditQuery(user: id, most: 9)).acts.map(\.entry.op) == ["delete"])
    }

    @Test(arguments: StoreKind.allCases) func pagesHaveEachOnceWhateverIsAskedFor(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let users = [UserID(samples.id()), UserID(samples.id())]
        let actors = [Self.root, Self.nameless]
        let acts = (0..<60).map { number in
            act(
                number % 3 == 0 ? "A" : "B", by: actors[number / 3 % 2],
                on: number % 5 == 0 ? nil : .user(users[number % 2], username: "x"))
        }
        try await keep(acts, in: tested.store)
        for user in [nil, users[0], users[1]] {
            for actor in [nil, 0, UInt32.max] {
                for op in [nil, "A", "B", "C"] {
                    let wanted = AuditQuery(user: user, actor: actor, op: op, most: 7)
                    let expected = acts.indices.filter { wanted.admits(acts[$0]) }.map { Int64($0 + 1) }
                    var (found, query, pages) = ([Int64](), wanted, 0)
                    repeat {
                        let page = try await tested.store.acts(query)
                        found += page.acts.map(\.id)
                        query.before = page.next
                        pages += 1
                    } while query.before != nil && pages < 100
                    #expect(found == expected.reversed(), "\(wanted)")
                    #expect(pages == max(1, (expected.count + 6) / 7))
                }
            }
        }
        let short = try await tested.store.acts(AuditQuery(most: 9, bytes: 1))
        #expect(short.acts.map(\.id) == [60] && short.next == 60)
    }

    @Test func aPageLooksAtABoundedNumber() async throws {
        let tested = try StoreUnderTest(.sqlite, clock)
        try await keep([act("B")] + (0..<Limits.listScan).map { _ in act("A") }, in: tested.store)
        let first = try await tested.store.acts(AuditQuery(actor: 0, op: "B", most: 5))
        // Its own index leads there at once.
        #expect(first.acts.map(\.id) == [1] && first.next == nil)
        let none = try await tested.store.acts(AuditQuery(actor: 1, op: "A", most: 5))
        #expect(none.acts.isEmpty && none.next == nil)
        try await keep([act("A")], in: tested.store)
        let more = try await tested.store.acts(AuditQuery(actor: 1, op: "A", most: 5))
        #expect(more.acts.isEmpty && more.next == 3)
    }

    @Test(arguments: StoreKind.allCases) func whatIsOldGoesALittleAtATime(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        // One of them came while the clock was ahead.
        try await keep([9, 1, 2, 3, 4, 5].map { act(at: $0) }, in: tested.store)
        #expect(try await tested.store.pruneActs(before: 4, keeping: 9, most: 2))
        #expect(try await all(tested.store).map(\.at) == [5, 4, 3, 9])
        #expect(try await !tested.store.pruneActs(before: 4, keeping: 9, most: 2))
        #expect(try await all(tested.store).map(\.at) == [5, 4, 9])
        #expect(try await !tested.store.pruneActs(before: 4, keeping: 9, most: 2))
    }

    @Test(arguments: StoreKind.allCases) func onlyTheLatestAreKept(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        try await keep((1...6).map { act(at: $0) }, in: tested.store)
        #expect(try await tested.store.pruneActs(before: 0, keeping: 3, most: 2))
        #expect(try await all(tested.store).map(\.at) == [6, 5, 4, 3])
        #expect(try await !tested.store.pruneActs(before: 0, keeping: 3, most: 2))
        #expect(try await all(tested.store).map(\.at) == [6, 5, 4])
        // No number is given twice, though all are gone.
        while try await tested.store.pruneActs(before: 99, keeping: 3, most: 2) {}
        try tested.restart()
        try await keep([act()], in: tested.store)
        #expect(try await tested.store.acts(AuditQuery(most: 9)).acts.map(\.id) == [7])
    }
}
