import Glibc
import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

@Suite struct RestorationTests {
    private let samples = Samples()
    private let folder: TemporaryFolder
    private var backup: String { "\(folder.path)/backup" }

    init() throws { folder = try TemporaryFolder() }

    /// Writes a backup of a database with an account, its session and a one-time token, and goes on with another account.
    private func prepare() async throws -> (Account, Session) {
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        let account = try samples.account("ada")
        let session = samples.session(of: account.user.id)
        try await store.create(account, session: session)
        let token = StoredToken(digest: "digest", purpose: .reset, expiresAt: samples.clock.now() + 60)
        _ = try await store.issue(token, to: .user(account.user.id))
        let size = try await store.makeCopy()
        folder.write(try await store.readCopy(at: 0, most: size), to: backup)
        try await store.create(samples.account("bob"), session: nil)
        _ = try await store.endSessions(of: account.user.id, at: samples.clock.now())
        store.close()
        return (account, session)
    }

    private func restore(refusingTokensBefore moment: NumericDate?) throws {
        let restoration = Restoration(of: folder.database)
        execute("VACUUM INTO '\(restoration.draft)'", on: backup)
        try restoration.finish(refusingTokensBefore: moment)
    }

    @Test func nothingThatWasIssuedIsGoodAnyMore() async throws {
        let (account, session) = try await prepare()
        try restore(refusingTokensBefore: 4_711)
        #expect(Set(folder.names) == ["usher.db", "backup"])
        #expect(folder.mode(of: folder.database) == 0o600)
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(try await store.account(account.user.id) == account)
        #expect(try await store.takenField(username: Username(parsing: "bob"), email: Email(parsing: "x@example.org")) == nil)
        #expect(try await store.stored(session.id) == nil)
        #expect(try await store.oneTimeToken("digest") == nil)
        #expect(try await store.tokensBefore() == 4_711)
        store.close()
        // A restore of an older backup does not let them be good again.
        execute("VACUUM INTO '\(folder.path)/later'", on: folder.database)
        try restore(refusingTokensBefore: 4_712)
        let again = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(try await again.tokensBefore() == 4_712)
        again.close()
    }

    @Test func sessionsAreKeptIfThatIsAsked() async throws {
        let (_, session) = try await prepare()
        try restore(refusingTokensBefore: nil)
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(try await store.stored(session.id)?.session.endedAt == nil)
        #expect(try await store.oneTimeToken("digest") == nil)
        #expect(try await store.tokensBefore() == nil)
        store.close()
    }

    /// It would be taken for the new one's.
    @Test(arguments: [false, true]) func theWALOfTheOldDatabaseIsNotLeft(isDamaged: Bool) async throws {
        let (account, _) = try await prepare()
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        try await store.create(samples.account("eve"), session: nil)
        // As a daemon leaves them that is killed.
        let (killed, wal) = ("\(folder.path)/killed", "\(folder.path)/killed-wal")
        for (from, to) in [(folder.database, killed), ("\(folder.database)-wal", wal)] {
            #expect(unsafe link(from, to) == 0)
        }
        folder.write(read(wal), to: wal + "2")
        store.close()
        unsafe rename(wal + "2", "\(folder.database)-wal")
        if isDamaged { folder.write(Array("nothing".utf8), to: folder.database) }
        try restore(refusingTokensBefore: 1)
        let restored = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(try await restored.account(account.user.id) != nil)
        #expect(try await restored.account(.username(Username(parsing: "eve"))) == nil)
        restored.close()
        _ = try DatabaseFile(examining: folder.database)
    }

    private func read(_ path: String) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(count, 0)))
    }

    @Test(
        arguments: [
            ("PRAGMA user_version = 99", "its schema has version 99"), ("PRAGMA application_id = 7", "not one of usher's"),
            ("PRAGMA foreign_keys = OFF; DELETE FROM users", "belongs to a row of users that is not there"),
            ("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'sessions_user'", "it is damaged"),
        ])
    func whatIsNoGoodReplacesNothing(_ sql: String, _ problem: String) async throws {
        let (account, _) = try await prepare()
        execute(sql + "; PRAGMA wal_checkpoint(TRUNCATE)", on: backup)
        let error = #expect(throws: StoreOpenError.self) { try DatabaseFile(examining: backup) }
        #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
        let restoration = Restoration(of: folder.database)
        folder.write(read(backup), to: restoration.draft)
        #expect(throws: StoreOpenError.self) { try restoration.finish(refusingTokensBefore: 1) }
        Restoration.removeLeftovers(beside: folder.database)
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(try await store.account(account.user.id) != nil)
        #expect(try await store.account(.username(Username(parsing: "bob"))) != nil)
        store.close()
    }

    @Test func noFileOfAnyKindIsTakenForABackup() async throws {
        _ = try await prepare()
        let whole = read(backup)
        let damaged = whole.enumerated().map { $0 >= 4_096 && $0 % 4_096 < 64 ? UInt8(0x5a) : $1 }
        for bytes in [[], Array("no database at all, and long enough".utf8), Array(whole.prefix(whole.count / 2)), damaged] {
            folder.write(bytes, to: backup)
            #expect(throws: StoreOpenError.self) { try DatabaseFile(examining: backup) }
        }
        #expect(throws: StoreOpenError.self) { try DatabaseFile(examining: folder.path + "/nothing") }
        folder.write(whole, to: backup)
        _ = try DatabaseFile(examining: backup)
        folder.write(whole, to: folder.path + "/a %?#b")
        _ = try DatabaseFile(examining: folder.path + "/a %?#b")
        #expect(Set(folder.names) == ["usher.db", "backup", "a %?#b"])
        // One that is in use.
        let store = try SQLiteStore(at: folder.database, clock: samples.clock)
        #expect(throws: StoreOpenError.self) { try DatabaseFile(examining: folder.database) }
        store.close()
    }
}
