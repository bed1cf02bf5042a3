import Glibc
import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSQLite

@Suite(.timeLimit(.minutes(2))) struct DatabaseCopyTests {
    private let samples = Samples()
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(copyOf store: SQLiteStore, to path: String) async throws {
        let size = try await store.makeCopy()
        folder.write(try await store.readCopy(at: 0, most: size), to: path)
    }

    /// More pages than one step copies, and all of them changed again and again while it is made.
    @Test func itIsOfOneMomentWhoeverWrites() async throws {
        let store = try SQLiteStore(at: folder.database, clock: samples.clock, checkpoint: 100)
        var accounts: [Account] = []
        for number in 0..<2_500 {
            var account = try samples.account("user\(number)")
            account.user.claims = #"{"a":"\#(String(repeating: "x", count: 900))"}"#
            accounts.append(account)
        }
        for batch in stride(from: 0, to: accounts.count, by: 500) {
            let staged = accounts[batch..<batch + 500].enumerated().map { StagedAccount(line: $0 + 1, account: $1) }
            _ = try await store.stage(staged)
            #expect(try await store.commitStage(of: staged.count) == .committed)
        }
        let isDone = Lock(false)
        // Each transaction writes the same number into two accounts far apart: a copy of several moments would tell them apart.
        let ids = [accounts[3].user.id, accounts[2_400].user.id]
        let writer = Task {
            var round = 0
            while !isDone.withLock({ $0 }) {
                round += 1
                try await store.write("\(round)", to: ids)
            }
            return round
        }
        for copy in 0..<5 {
            let path = "\(folder.path)/copy\(copy)"
            try await write(copyOf: store, to: path)
            let facts = try DatabaseFile(examining: path)
            #expect(facts.users == 2_500 && facts.version == Schema.version)
            let opened = try SQLiteStore(at: path, clock: samples.clock)
            var roles: Set<String> = []
            for id in ids { roles.insert(try #require(try await opened.account(id)).user.role) }
            #expect(roles.count == 1, "the copy has rows of several moments: \(roles)")
            opened.close()
        }
        isDone.withLock { $0 = true }
        #expect(try await writer.value > 10)
        #expect(!folder.names.contains("usher.db.backup"))
        store.close()
    }

    @Test func aCopyIsForItsOwnerAloneAndHasNoNameOnceItIsWhole() async throws {
        let before = umask(0)
        defer { umask(before) }
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        let copy = try DatabaseCopy(of: Database(path: folder.database, vfs: nil), at: "\(folder.path)/copy")
        #expect(folder.mode(of: "\(folder.path)/copy") == 0o600)
        withExtendedLifetime(copy) {}
        _ = try await store.makeCopy()
        #expect(Set(folder.names).subtracting(["copy"]) == ["usher.db", "usher.db-wal"])
        store.close()
    }

    @Test func oneThatIsGivenUpLeavesNothing() throws {
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        store.close()
        let source = try Database(path: folder.database, vfs: nil)
        source.copy = try DatabaseCopy(of: source, at: "\(folder.path)/copy")
        #expect(folder.names.contains("copy"))
        source.copy = nil
        #expect(!folder.names.contains("copy"))
    }

    @Test func whatAKilledOneHasLeftGoesAtTheNextStart() throws {
        for name in ["usher.db.backup", "usher.db.restore", "usher.db.restore-wal"] {
            folder.write(Array("rubbish".utf8), to: "\(folder.path)/\(name)")
        }
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(Set(folder.names) == ["usher.db", "usher.db-wal"])
        store.close()
    }

    @Test func whereItCannotBeMadeTheStoreGoesOn() async throws {
        let log = RecordingLog()
        let store = try SQLiteStore(at: folder.database, clock: samples.clock, log: log)
        // A folder is in the way.
        #expect(unsafe mkdir("\(folder.path)/usher.db.backup", 0o700) == 0)
        let error = await #expect(throws: UsherError.self) { try await store.makeCopy() }
        #expect(error?.code == .storeUnavailable && error?.cause?.contains("File exists") == true)
        #expect(store.health == .working && log.events.isEmpty)
        #expect(unsafe rmdir("\(folder.path)/usher.db.backup") == 0)
        #expect(try await store.makeCopy() > 0)
        store.close()
    }

    @Test func closingDoesNotWaitForACopy() async throws {
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        let gate = Gate()
        let held = await store.hold(until: gate)
        let copying = Task { try await store.makeCopy() }
        await store.untilWaiting(1)
        let closing = Task.detached { store.close() }
        // A call that comes later is refused; one that comes sooner waits.
        let isClosing = Lock(false)
        while !isClosing.withLock({ $0 }) {
            Task { if await store.refusal == .shuttingDown { isClosing.withLock { $0 = true } } }
            await Task.yield()
        }
        gate.open()
        try await held.value
        await #expect(throws: UsherError(.shuttingDown)) { try await copying.value }
        _ = await closing.value
        #expect(folder.names == ["usher.db"])
    }
}

extension SQLiteStore {
    /// Gives all these users the same role, in one transaction.
    fileprivate func write(_ role: String, to users: [UserID]) async throws(UsherError) {
        try await perform { transaction throws(StoreFault) in
            for user in users {
                _ = try transaction.edit(user, until: 0) { account throws(UsherError) in account.user.role = role }
            }
        }
    }

    /// What a call is refused with.
    fileprivate var refusal: UsherError.Code? {
        get async {
            do throws(UsherError) { _ = try await tokensBefore() } catch { return error.code }
            return nil
        }
    }
}
