import Glibc
public import UsherModel

/// Puts a backup in the place of a database whose daemon is stopped. To be done under the folder's `StateLock`, as the user that owns it.
public struct Restoration: Sendable {
    private let database: String
    /// Where the backup is to be copied to first.
    public let draft: String

    /// - Parameter database: the path of the one that is to be replaced; there need be none.
    public init(of database: String) {
        self.database = database
        draft = Self.draft(beside: database)
        Self.removeLeftovers(beside: database)
    }

    /// - Parameters:
    ///   - descriptor: of the whole draft, to be synced once it is finished.
    ///   - moment: all sessions are ended, and access tokens issued before it refused from now on; nil keeps them. One-time tokens are void
    ///     in any case.
    /// - Throws: what is wrong with the draft, and then nothing was replaced; or why it cannot be put in place.
    public func finish(refusingTokensBefore moment: NumericDate?) throws(StoreOpenError) {
        _ = try DatabaseFile(examining: draft)
        let opening = Opening(path: draft, vfs: nil)
        do {
            // Brings an older one up to the present version, too.
            let opened = try opening.open()
            try opening.attempt { () throws(StoreFault) in
                try opened.forgetWhatWasIssued(before: moment)
                try opened.checkpoint(.truncate)
            }
        }
        try mergeOldWAL()
        try sync(draft, O_RDONLY)
        guard unsafe rename(draft, database) == 0 else { throw failure(database) }
        try sync(Self.folder(of: database), O_RDONLY | O_DIRECTORY)
    }

    /// What a backup or a restore that was killed has left.
    public static func removeLeftovers(beside database: String) {
        for file in [DatabaseCopy.path(beside: database), draft(beside: database)] {
            for name in [file, file + "-wal"] { unsafe unlink(name) }
        }
    }

    private static func draft(beside database: String) -> String { database + ".restore" }

    private static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) + "/." } ?? "." }

    /// Beside the new database a WAL of the old one would be taken for its own. Until the new one is in place, the old one stays whole.
    private func mergeOldWAL() throws(StoreOpenError) {
        let wal = database + "-wal"
        guard unsafe access(wal, F_OK) == 0 else { return }
        do throws(DatabaseError) {
            // Closing it merges and removes the WAL.
            let old = try Database(path: database, vfs: nil)
            try? old.run("PRAGMA locking_mode = EXCLUSIVE")
            try? old.run("SELECT count(*) FROM sqlite_schema")
        } catch {
            // Where that is not possible, the old one is damaged.
        }
        guard unsafe unlink(wal) == 0 || errno == ENOENT else { throw failure(wal) }
    }

    private func sync(_ path: String, _ flags: Int32) throws(StoreOpenError) {
        let descriptor = unsafe open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    private func failure(_ path: String) -> StoreOpenError {
        StoreOpenError(path: path, problem: "\(errorText(errno))", advice: "Look at the disk and at the folder, then repeat it.")
    }
}
