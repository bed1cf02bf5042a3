import CSQLite
import Glibc
import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

@Suite struct OpeningTests {
    let clock = ManualClock()

    private func openingFails(_ path: String) throws -> StoreOpenError {
        let error = #expect(throws: StoreOpenError.self) { try SQLiteStore(at: path, clock: clock) }
        let thrown = try #require(error)
        #expect(thrown.path == path && thrown.description.hasPrefix(path) && thrown.advice.hasSuffix("."))
        return thrown
    }

    @Test func theFileIsPrivateWhateverTheUmask() throws {
        let folder = try TemporaryFolder()
        let before = umask(0)
        let store = try SQLiteStore(at: folder.database, clock: clock)
        umask(before)
        #expect(folder.names.sorted() == ["usher.db", "usher.db-wal"])
        #expect(folder.mode(of: folder.database) == 0o600 && folder.mode(of: folder.database + "-wal") == 0o600)
        store.close()
        #expect(folder.names == ["usher.db"])
        // One that somebody opened up is closed to others again.
        unsafe chmod(folder.database, 0o644)
        let again = try SQLiteStore(at: folder.database, clock: clock)
        #expect(folder.mode(of: folder.database) == 0o600 && folder.mode(of: folder.database + "-wal") & 0o077 == 0)
        again.close()
    }

    @Test func theConnectionIsDurableAndExclusive() throws {
        let folder = try TemporaryFolder()
        let database = try Opening(path: folder.database, vfs: nil).open()
        func value(_ pragma: StaticString) throws -> String? {
            try database.first(pragma) { row throws(StoreFault) in row.text() }
        }
        #expect(try value("PRAGMA synchronous") == "2")
        #expect(try value("PRAGMA journal_mode") == "wal")
        #expect(try value("PRAGMA locking_mode") == "exclusive")
        #expect(try value("PRAGMA foreign_keys") == "1")
        #expect(try value("PRAGMA temp_store") == "2")
        #expect(try value("PRAGMA trusted_schema") == "0")
        #expect(try value("PRAGMA integrity_check") == "ok")
    }

    @Test func theSecondOpenerFails() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(at: folder.database, clock: clock)
        #expect(try openingFails(folder.database).problem.contains("another process"))
        store.close()
        try SQLiteStore(at: folder.database, clock: clock).close()
    }

    @Test func aNewerSchemaIsRefusedAndLeftAlone() throws {
        let folder = try TemporaryFolder()
        try SQLiteStore(at: folder.database, clock: clock).close()
        execute("PRAGMA user_version = 1000", on: folder.database)
        let error = try openingFails(folder.database)
        #expect(error.problem == "its schema has version 1000, this usherd knows version \(Schema.version)")
        execute("PRAGMA user_version = \(Schema.version)", on: folder.database)
        try SQLiteStore(at: folder.database, clock: clock).close()
    }

    /// Makes a database what one of version 2 was.
    private static let asVersion2 = """
        DROP TABLE throttles; DROP TABLE known_addresses; DROP TABLE second_factors; DROP TABLE data_key;
        DROP TABLE one_time_tokens; DROP TABLE stage; DROP TABLE roles; DELETE FROM meta WHERE name = 'roles_version';
        DROP TABLE audit;
        DROP INDEX users_role; DROP INDEX users_disabled;
        ALTER TABLE users DROP COLUMN version; ALTER TABLE revocations DROP COLUMN version;
        ALTER TABLE users DROP COLUMN confirmed_before;
        PRAGMA user_version = 2;
        """
    /// The same for version 1.
    private static let asVersion1 =
        asVersion2 + """
            DROP TABLE hash_settings; DROP INDEX revocations_session; ALTER TABLE revocations DROP COLUMN session;
            PRAGMA user_version = 1
            """

    @Test(arguments: [asVersion1, asVersion2]) func anOlderDatabaseIsMigrated(sql: String) async throws {
        let folder = try TemporaryFolder()
        let samples = Samples()
        let before = try SQLiteStore(at: folder.database, clock: clock)
        var sessions: [Session] = []
        for (name, hash) in [("alice", "$2b$10$salt"), ("bob", "$2b$10$other"), ("eve", "$y$jBT$x$y")] {
            let account = try samples.account(name, hash: hash)
            sessions.append(samples.session(of: account.user.id))
            try await before.create(account, session: sessions[sessions.count - 1])
        }
        let revocation = Revocation(kind: .token, id: "a", until: 5)
        _ = try await before.revoke(revocation)
        before.close()
        execute(sql, on: folder.database)

        for _ in 0..<2 {
            let store = try SQLiteStore(at: folder.database, clock: clock)
            #expect(try await store.revocations(since: 0) == [revocation])
            let found = try await store.lookUp(.username(Username(parsing: "bob")))
            #expect(found.account?.passwordHash.text == "$2b$10$other")
            #expect(
                Set(found.hashes.map { "\($0.setting) \($0.users)" }) == ["$2b$10$ 2", "$y$jBT$ 1"])
            #expect(try await store.stored(sessions[0].id) != nil)
            #expect(try await store.throttles().isEmpty)
            store.close()
        }
    }

    @Test func aMigrationThatIsCutShortLeavesTheOldDatabase() throws {
        let disk = PowerCut()
        var migrated = 0
        for operation in 1...120 {
            disk.format(seed: UInt64(operation))
            try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name).close()
            try toVersion1(disk)
            disk.cut(at: operation)
            if let store = try? SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name) { store.close() }
            if !disk.isCut { migrated += 1 }
            disk.cut()
            disk.restore(torn: true)
            try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name).close()
        }
        #expect((1..<120).contains(migrated))
    }

    private func toVersion1(_ disk: PowerCut) throws {
        var database: OpaquePointer?
        unsafe sqlite3_open_v2("usher.db", &database, SQLITE_OPEN_READWRITE, disk.name)
        #expect(
            unsafe sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE; " + Self.asVersion1, nil, nil, nil) == SQLITE_OK)
        unsafe sqlite3_close(database)
    }

    @Test(arguments: ["CREATE TABLE t (x)", "PRAGMA application_id = 5; CREATE TABLE t (x)", "PRAGMA user_version = 1"])
    func somebodyElsesDatabaseIsRefusedAndLeftAlone(sql: String) throws {
        let folder = try TemporaryFolder()
        execute(sql, on: folder.database)
        #expect(try openingFails(folder.database).problem.contains("not one of usher's"))
        #expect(folder.names == ["usher.db"])
    }

    @Test func aFileThatIsNoDatabaseIsRefused() throws {
        let folder = try TemporaryFolder()
        folder.write(Array(repeating: 0x41, count: 8_192), to: folder.database)
        #expect(try openingFails(folder.database).problem.contains("not an SQLite database"))
    }

    @Test func aTruncatedFileIsRefused() throws {
        let folder = try TemporaryFolder()
        try SQLiteStore(at: folder.database, clock: clock).close()
        #expect(unsafe truncate(folder.database, 8_192) == 0)
        #expect(try openingFails(folder.database).problem.contains("damaged"))
    }

    @Test(arguments: [
        "DROP TABLE revocations", "DROP INDEX sessions_purge", "DROP INDEX one_time_tokens_expiry",
        "ALTER TABLE users DROP COLUMN claims", "DROP TABLE meta", "DROP TABLE throttles", "DROP TABLE known_addresses",
        "DROP TABLE second_factors", "DROP TABLE data_key", "DROP TABLE audit", "DROP INDEX audit_user",
    ])
    func aMissingPartIsRefused(sql: String) throws {
        let folder = try TemporaryFolder()
        try SQLiteStore(at: folder.database, clock: clock).close()
        execute(sql, on: folder.database)
        #expect(try openingFails(folder.database).problem.contains("damaged"))
    }

    @Test(arguments: [.min, -1, 1 << 53 + 1, .max] as [Int64]) func anAbsurdServiceTimeIsRefused(value: Int64) throws {
        let folder = try TemporaryFolder()
        try SQLiteStore(at: folder.database, clock: clock).close()
        execute("UPDATE meta SET value = \(value) WHERE name = 'service_ms'", on: folder.database)
        let problem = try openingFails(folder.database).problem
        #expect(problem.hasPrefix("unreadable row: value is \(value), not from 0 to 2^53") && problem.contains("service_ms"))
    }

    @Test func aDamagedPageIsRefused() throws {
        let disk = PowerCut()
        try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name).close()
        // The second page is the root of the first table.
        disk.damage("usher.db", at: 4_096, count: 16)
        #expect(throws: StoreOpenError.self) { try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name) }
    }

    @Test func aFolderThatIsNotThereIsNamed() throws {
        let folder = try TemporaryFolder()
        let error = try openingFails("\(folder.path)/missing/usher.db")
        #expect(error.problem == "it cannot be created: No such file or directory")
    }

    @Test func aFolderInTheFilesPlaceIsRefused() throws {
        let folder = try TemporaryFolder()
        #expect(try openingFails(folder.path).problem.contains("cannot be opened"))
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everywhere: permissions mean nothing to it"))
    func aFolderWithoutPermissionIsNamed() throws {
        let folder = try TemporaryFolder()
        unsafe chmod(folder.path, 0o500)
        defer { unsafe chmod(folder.path, 0o700) }
        #expect(try openingFails(folder.database).problem == "it cannot be created: Permission denied")
    }

    @Test func aDiskThatIsReadOnlyIsRefused() throws {
        let disk = PowerCut()
        try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name).close()
        disk.failWrites(SQLITE_READONLY)
        let error = #expect(throws: StoreOpenError.self) { try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name) }
        #expect(error?.problem.contains("cannot be opened for writing") == true)
    }
}
