import CSQLite
import Glibc
import UsherModel

/// A copy of a database that is made some pages at a time, between the transactions of the same connection: what these write of pages that are
/// copied already, SQLite writes to the copy as well. Once it is whole, its file has no name any more, and goes away with this.
final class DatabaseCopy {
    private enum State {
        case growing(PagewiseBackup)
        case whole(descriptor: Int32, size: Int)
        case failed(UsherError)
    }

    private let path: String
    private var state: State

    static func path(beside database: String) -> String { database + ".backup" }

    init(of source: Database, at path: String) throws(StoreFault) {
        self.path = path
        unsafe unlink(path)
        let descriptor = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .refused(.noCopy("it cannot be made: \(errorText(errno))")) }
        close(descriptor)
        do throws(StoreFault) {
            let target: Database
            do throws(DatabaseError) { target = try Database(path: path, vfs: nil) } catch { throw .database(error) }
            // Nobody needs half a copy: it need not survive anything.
            try target.run("PRAGMA journal_mode = OFF")
            try target.run("PRAGMA synchronous = OFF")
            try target.run("PRAGMA locking_mode = EXCLUSIVE")
            do throws(DatabaseError) {
                state = .growing(try PagewiseBackup(of: source, to: target))
            } catch {
                throw .database(error)
            }
        } catch {
            unsafe unlink(path)
            // The store itself is sound.
            switch error {
            case .database(let error): throw .refused(.noCopy("\(error)"))
            case .refused: throw error
            }
        }
    }

    deinit {
        switch state {
        case .growing: unsafe unlink(path)
        case .whole(let descriptor, _): close(descriptor)
        case .failed: break
        }
    }

    /// Its size; nil while it is growing.
    func size() throws(UsherError) -> Int? {
        switch state {
        case .growing: return nil
        case .whole(_, let size): return size
        case .failed(let error): throw error
        }
    }

    /// Copies the next pages, if there are any. Outside of a transaction alone.
    func step() {
        guard case .growing(let backup) = state else { return }
        guard hasRoom else {
            return fail(.noCopy("the disk would be left with less than \(Limits.backupReserve >> 20) MiB free", isRoom: true))
        }
        do throws(DatabaseError) {
            if try backup.step() { finish() }
        } catch {
            fail(.noCopy("\(error)", isRoom: error.primaryCode == SQLITE_FULL))
        }
    }

    /// Bytes from `offset` on.
    func read(at offset: Int, most: Int) throws(UsherError) -> [UInt8] {
        guard case .whole(let descriptor, let size) = state else {
            throw .storeUnavailable(cause: "there is no whole copy")
        }
        let count = min(max(size - offset, 0), most)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let read = unsafe pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if read < 0, errno == EINTR { continue }
                guard read > 0 else { return }
                filled += read
            }
        }
        guard bytes.count == count else { throw .storeUnavailable(cause: "the copy cannot be read: \(errorText(errno))") }
        return bytes
    }

    private var hasRoom: Bool {
        var facts = statvfs()
        guard unsafe statvfs(path, &facts) == 0 else { return true }
        return Int64(facts.f_bavail) * Int64(facts.f_frsize) >= Limits.backupReserve
    }

    private func finish() {
        // Closes it.
        state = .failed(.storeUnavailable(cause: "the copy is being closed"))
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        var status = stat()
        guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0 else {
            return fail(.noCopy("it cannot be opened: \(errorText(errno))"))
        }
        unsafe unlink(path)
        state = .whole(descriptor: descriptor, size: Int(status.st_size))
    }

    private func fail(_ error: UsherError) {
        unsafe unlink(path)
        state = .failed(error)
    }
}

/// What SQLite has for it. Ends with its own end, whole or not.
@safe private final class PagewiseBackup {
    private let raw: OpaquePointer
    private let target: Database

    init(of source: Database, to target: Database) throws(DatabaseError) {
        guard let raw = unsafe sqlite3_backup_init(target.raw, "main", source.raw, "main") else {
            throw target.failure(unsafe sqlite3_errcode(target.raw), "backup")
        }
        unsafe self.raw = raw
        self.target = target
    }

    deinit { unsafe sqlite3_backup_finish(raw) }

    /// - Returns: whether that was all.
    func step() throws(DatabaseError) -> Bool {
        let code = unsafe sqlite3_backup_step(raw, Limits.backupStep)
        guard code == SQLITE_OK || code == SQLITE_DONE else { throw target.failure(code, "backup") }
        return code == SQLITE_DONE
    }
}

extension UsherError {
    /// - Parameter isRoom: whether it is for want of room, which the administrator can mend.
    fileprivate static func noCopy(_ cause: String, isRoom: Bool = false) -> UsherError {
        UsherError(
            .storeUnavailable,
            isRoom
                ? "There is no room for a copy of the database on the disk that it is on."
                : "The copy could not be made; the journal says why.",
            cause: "a copy of the database: \(cause)")
    }
}
