import CSQLite
import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// How every store lists accounts, and by which index SQLite does.
@Suite struct UserListTests {
    let samples = Samples()

    /// The usernames of each page.
    private func pages(_ store: any Store, _ query: UserQuery) async throws -> [[String]] {
        var (query, pages) = (query, [[String]]())
        repeat {
            let page = try await store.users(query)
            pages.append(page.users.map(\.user.username.text))
            query.after = page.next
        } while query.after != nil && pages.count < 200
        return pages
    }

    private func store(_ kind: StoreKind, _ names: [String]) async throws -> StoreUnderTest {
        let tested = try StoreUnderTest(kind, samples.clock)
        for (index, name) in names.enumerated() {
            var account = try samples.account(name, email: "\(index.isMultiple(of: 2) ? "x" : "")\(name)@example.org")
            account.user.role = index.isMultiple(of: 3) ? "editor" : "user"
            account.isDisabled = index.isMultiple(of: 4)
            try await tested.store.create(account, session: nil)
            samples.clock.advance(seconds: 1)
        }
        return tested
    }

    @Test(arguments: StoreKind.allCases) func inTheOrderOfIds(kind: StoreKind) async throws {
        let names = ["f", "e", "d", "c", "b", "a"]
        let tested = try await store(kind, names)
        #expect(try await pages(tested.store, UserQuery(most: 9)) == [names])
        #expect(try await pages(tested.store, UserQuery(most: 6)) == [names])
        #expect(try await pages(tested.store, UserQuery(most: 4)) == [["f", "e", "d", "c"], ["b", "a"]])
        #expect(try await pages(tested.store, UserQuery(most: 9, bytes: 1)) == names.map { [$0] })
        #expect(try await pages(tested.store, UserQuery(role: "editor", most: 9)) == [["f", "c"]])
        #expect(try await pages(tested.store, UserQuery(role: "editor", most: 1)) == [["f"], ["c"]])
        #expect(try await pages(tested.store, UserQuery(role: "Editor", most: 9)) == [[]])
        #expect(try await pages(tested.store, UserQuery(isDisabled: true, most: 9)) == [["f", "b"]])
        #expect(try await pages(tested.store, UserQuery(isDisabled: false, most: 9)).flatMap { $0 } == ["e", "d", "c", "a"])
        #expect(try await pages(tested.store, UserQuery(role: "editor", isDisabled: false, most: 9)).flatMap { $0 } == ["c"])
    }

    @Test(arguments: StoreKind.allCases) func bySearch(kind: StoreKind) async throws {
        // Every other email begins with an x.
        let tested = try await store(kind, ["Xa", "ab", "xb", "Abc", "ac", "b", "a.", "a"])
        for most in 1...9 {
            let query = { UserQuery(search: $0, most: most) }
            #expect(try await pages(tested.store, query("AB")).flatMap { $0 } == ["ab", "Abc"])
            // By username in its order, then by email in its order: xa.@, xac@.
            #expect(try await pages(tested.store, query("xa")).flatMap { $0 } == ["Xa", "a.", "ac"])
            #expect(try await pages(tested.store, query("x")).flatMap { $0 } == ["Xa", "xb", "a.", "ac"])
            #expect(try await pages(tested.store, query("xxa@example.or")).flatMap { $0 } == ["Xa"])
            #expect(try await pages(tested.store, query("")).flatMap { $0 }.count == 8)
            #expect(try await pages(tested.store, query("é")).flatMap { $0 } == [])
            #expect(try await pages(tested.store, query("a%")).flatMap { $0 } == [])
        }
        #expect(try await pages(tested.store, UserQuery(search: "x", role: "editor", most: 1)).flatMap { $0 } == ["Xa", "a."])
    }

    /// Whoever else needs the store waits no longer for a search that finds little.
    @Test func aPageLooksAtSoManyAccountsAndNoMore() async throws {
        let tested = try StoreUnderTest(.sqlite, samples.clock)
        let count = Limits.listScan + 10
        let accounts = try (1...count).map { line in
            var account = try samples.account("user\(line)")
            account.isDisabled = true
            return StagedAccount(line: line, account: account)
        }
        _ = try await tested.store.stage(accounts)
        #expect(try await tested.store.commitStage(of: count) == .committed)
        for query in [UserQuery(search: "user", role: "none", most: 5), UserQuery(isDisabled: false, most: 5)] {
            let all = try await pages(tested.store, query)
            #expect(all.count > 1 && all.allSatisfy(\.isEmpty))
        }
        #expect(try await pages(tested.store, UserQuery(role: "none", most: 5)) == [[]])
        let disabled = try await pages(tested.store, UserQuery(isDisabled: true, most: count))
        #expect(disabled.count > 1 && disabled.reduce(0) { $0 + $1.count } == count)
    }

    /// The one who is come across by username and by email is the last of a page when as many have been looked at as may be.
    @Test func aPageGoesOnWhereItEnded() async throws {
        let tested = try StoreUnderTest(.sqlite, samples.clock)
        let accounts = try (1...Limits.listScan + 9).map { line in
            let isBoth = line == Limits.listScan - 1
            var account = try samples.account(isBoth ? "ann" : "z\(line)", email: "a\(10_000 + line)@example.org")
            account.user.role = line == 1 ? "editor" : "user"
            return StagedAccount(line: line, account: account)
        }
        _ = try await tested.store.stage(accounts)
        #expect(try await tested.store.commitStage(of: accounts.count) == .committed)
        let all = try await pages(tested.store, UserQuery(search: "a", role: "editor", most: 5))
        #expect(all == [["z1"], []])
    }

    @Test(arguments: [
        (UserList.byID, "sqlite_autoindex_users_1 (id>?)"), (UserList.byRole, "users_role (role=? AND id>?)"),
        (UserList.disabled, "users_disabled (id>?)"),
        (UserList.byUsername, "sqlite_autoindex_users_2 (username_folded>? AND username_folded<?)"),
        (UserList.byEmail, "sqlite_autoindex_users_3 (email_folded>? AND email_folded<?)"),
    ])
    func eachWayFollowsAnIndex(way: StaticString, index: String) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        store.close()
        let plan = plan(of: "\(way)", on: folder.database)
        #expect(plan.count == 1 && plan[0].contains(index), "\(plan)")
    }

    /// What SQLite says of how it would run a statement.
    private func plan(of sql: String, on path: String) -> [String] {
        var database: OpaquePointer?
        var statement: OpaquePointer?
        defer {
            unsafe sqlite3_finalize(statement)
            unsafe sqlite3_close(database)
        }
        unsafe sqlite3_open(path, &database)
        guard unsafe sqlite3_prepare_v2(database, "EXPLAIN QUERY PLAN \(sql)", -1, &statement, nil) == SQLITE_OK else {
            return []
        }
        var steps: [String] = []
        while unsafe sqlite3_step(statement) == SQLITE_ROW {
            steps.append(unsafe sqlite3_column_text(statement, 3).map { unsafe String(cString: $0) } ?? "")
        }
        return steps
    }
}
