import CSQLite
import Glibc
import UsherModel

/// Opens a database file and asserts everything that durability rests on. Looks only at what costs the same for any number of users.
struct Opening {
    let path: String
    /// The name of a registered SQLite VFS; nil for the system's own files.
    let vfs: String?
    /// The identifier of the data key that the caller has; nil for one that reads no secrets.
    var dataKey: String?

    /// Creates the file, mode 0600, where there is none.
    /// - Parameter original: to open it anew: the file that it must be. None is created then.
    /// - Throws: for a database of another version, one of somebody else, a damaged one, one in use, one that may not be written.
    func open(again original: FileIdentity? = nil) throws(StoreOpenError) -> Database {
        if let original {
            guard FileIdentity(of: path) == original else {
                throw problem(
                    "it has been moved, removed or replaced under the running daemon",
                    "Put it back, or restart usherd to go on with what is there now.")
            }
        } else if vfs == nil {
            Restoration.removeLeftovers(beside: path)
            try createFile()
        }
        let database = try attempt { () throws(StoreFault) in
            do throws(DatabaseError) { return try Database(path: path, vfs: vfs) } catch { throw .database(error) }
        }
        guard !database.isReadOnly else {
            throw problem(
                "it may be read but not written", "Give the user that usherd runs as permission to write it and its folder.")
        }
        try prepare(database)
        switch try attempt({ () throws(StoreFault) in try Schema.identity(of: database) }) {
        case .empty:
            try enterWAL(database)
            try attempt { () throws(StoreFault) in try Schema.create(in: database) }
        case .ours:
            try enterWAL(database)
        case .older:
            try enterWAL(database)
            try attempt { () throws(StoreFault) in try Schema.migrate(database) }
        case .version(let version): throw ofOtherVersion(version)
        case .foreign:
            throw problem(
                "it is a database, but not one of usher's", "Let usherd use another state folder, or move the file away.")
        }
        try attempt { () throws(StoreFault) in
            try Schema.check(database)
            _ = try database.storedServiceTime()
            // Whoever staged it is gone.
            try database.clearStage()
            // A commit whose sync was cut short or failed may be in the WAL, and readable, but not on the disk: nothing may be
            // answered from it before it is durable.
            try database.checkpoint(.truncate)
        }
        if let dataKey, let other = try attempt({ () throws(StoreFault) in try database.claim(dataKey: dataKey) }) {
            throw problem(
                "its users' second factors are sealed under the data key \(other), and the one given is \(dataKey)",
                "Give that one back (the credential data-key, USHER_DATA_KEY, or the file data-key beside the database). "
                    + "Where it is lost, usherd(8) tells how to go on without it.")
        }
        if vfs == nil {
            try makePrivate()
            database.place = DatabasePlace(path: path)
        }
        return database
    }

    private func prepare(_ database: Database) throws(StoreOpenError) {
        // Before the first access: then SQLite keeps the WAL's index in memory, and the lock for good.
        try assert(database, "PRAGMA locking_mode = EXCLUSIVE", is: "exclusive")
        try attempt { () throws(StoreFault) in
            try database.run("PRAGMA trusted_schema = OFF")
            try database.run("PRAGMA cell_size_check = ON")
            try database.run("PRAGMA synchronous = FULL")
            try database.run("PRAGMA foreign_keys = ON")
            try database.run("PRAGMA temp_store = MEMORY")
            // Overwrites what was deleted where that costs no further write.
            try database.run("PRAGMA secure_delete = FAST")
            // 8 MiB: the pages that a full batch changes stay in memory until its commit.
            try database.run("PRAGMA cache_size = -8192")
        }
        try assert(database, "PRAGMA foreign_keys", is: "1")
    }

    private func enterWAL(_ database: Database) throws(StoreOpenError) {
        try assert(database, "PRAGMA journal_mode = WAL", is: "wal")
        // 2 is FULL. The WAL has a default of its own, hence not before.
        try assert(database, "PRAGMA synchronous", is: "2")
        try assert(database, "PRAGMA locking_mode", is: "exclusive")
    }

    private func assert(_ database: Database, _ pragma: StaticString, is expected: String) throws(StoreOpenError) {
        let value = try attempt { () throws(StoreFault) in try database.first(pragma) { row throws(StoreFault) in row.text() } }
        guard value == expected else {
            throw problem(
                "\(pragma) gives \(value ?? "nothing") instead of \(expected)",
                "The file system or the SQLite library does not offer what usherd needs.")
        }
    }

    // MARK: The file

    /// Creates the file with its mode before SQLite would do it with the umask's. Never opens one that is there: closing it again
    /// would give up the locks that this process holds on it (fcntl(2)).
    private func createFile() throws(StoreOpenError) {
        let descriptor = unsafe Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor < 0 {
            if errno == EEXIST { return }
            throw problem(
                "it cannot be created: \(errorText(errno))",
                "Its folder must exist and belong to the user that usherd runs as.")
        }
        fchmod(descriptor, 0o600)
        close(descriptor)
    }

    /// Takes away what others may do with the file and its WAL. By name, for the reason above.
    private func makePrivate() throws(StoreOpenError) {
        for file in [path, path + "-wal"] {
            var status = stat()
            guard unsafe stat(file, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
            guard unsafe chmod(file, 0o600) == 0 else {
                throw problem(
                    "others may read it, and its mode cannot be changed: \(errorText(errno))",
                    "It must belong to the user that usherd runs as.")
            }
        }
    }

    // MARK: What went wrong

    func problem(_ problem: String, _ advice: String) -> StoreOpenError {
        StoreOpenError(path: path, problem: problem, advice: advice)
    }

    func ofOtherVersion(_ version: Int64) -> StoreOpenError {
        problem(
            "its schema has version \(version), this usherd knows version \(Schema.version)",
            "Run the usherd that wrote it, or a newer one.")
    }

    @discardableResult
    func attempt<Answer>(_ body: () throws(StoreFault) -> Answer) throws(StoreOpenError) -> Answer {
        do throws(StoreFault) {
            return try body()
        } catch {
            switch error {
            case .refused(let error): throw problem(error.cause ?? error.message, "Restore the file from a backup.")
            case .database(let error): throw explanation(of: error)
            }
        }
    }

    private func explanation(of error: DatabaseError) -> StoreOpenError {
        switch error.primaryCode {
        case SQLITE_BUSY, SQLITE_LOCKED:
            problem("another process has it open: \(error)", "Stop that process first.")
        case SQLITE_NOTADB:
            problem(
                "it is not an SQLite database: \(error)",
                "Restore the file from a backup, or let usherd use another state folder.")
        case SQLITE_CORRUPT, SQLITE_ERROR:
            problem("it is damaged: \(error)", "Restore the file from a backup.")
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH, SQLITE_READONLY:
            problem(
                "it, or a file beside it, cannot be opened for writing: \(error)",
                "File and folder must belong to the user that usherd runs as, on a disk that is not read-only.")
        case SQLITE_FULL:
            problem("the disk is full: \(error)", "Make room on the disk.")
        default:
            problem("it cannot be used: \(error)", "Look at the disk, then start usherd again.")
        }
    }
}
