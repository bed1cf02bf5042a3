import CPlatform
import CSQLite

/// Where a database lies: the files that its path and its WAL's led to when it was opened. What is written to files that have been moved or
/// removed since then, nobody finds again after a restart.
struct DatabasePlace: Sendable {
    private let path: String
    private let walPath: String
    /// The database's own.
    let file: FileIdentity?
    private let wal: FileIdentity?

    init(path: String) {
        self.path = path
        walPath = path + "-wal"
        file = FileIdentity(of: path)
        wal = FileIdentity(of: walPath)
    }

    /// Looks whether the paths lead there still: two calls of statx(2), next to nothing beside a commit.
    /// - Throws: what SQLite has for this, and does not look for in WAL mode.
    func check() throws(DatabaseError) {
        let moved = FileIdentity(of: path) != file ? path : FileIdentity(of: walPath) != wal ? walPath : nil
        guard let moved else { return }
        throw DatabaseError(
            // SQLITE_READONLY_DBMOVED, a macro that Swift does not see.
            code: SQLITE_READONLY | 4 << 8,
            message: "\(moved) has been moved, removed or replaced under the running daemon: what is written would be lost",
            systemError: 0, statement: "COMMIT")
    }
}

extension Database {
    /// Looks whether what was committed will be found again. If not, all of it goes into the database that is open, wherever that is by
    /// now: its WAL must not be taken for that of a database in its place.
    func assertInPlace() throws(DatabaseError) {
        do throws(DatabaseError) {
            try place?.check()
        } catch {
            try? checkpoint(.truncate)
            throw error
        }
    }
}

/// Which file a path leads to; while it is open, no other gets the same.
struct FileIdentity: Equatable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// Nil where there is none, or it cannot be reached.
    init?(of path: String) {
        var (device, inode): (UInt64, UInt64) = (0, 0)
        guard unsafe usher_file_identity(path, &device, &inode) == 0 else { return nil }
        (self.device, self.inode) = (device, inode)
    }
}
