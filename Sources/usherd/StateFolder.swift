import Glibc
import UsherModel
import UsherSQLite

/// The folder that holds what lasts: the database and, unless they come from elsewhere, the secrets. One daemon at a time owns it.
struct StateFolder {
    let path: String
    private let lock: StateLock

    /// The process that had it last, if that did not come to an orderly end.
    var predecessor: String? { lock.predecessor }

    var database: String { path + "/usher.db" }
    /// Whether there is one by now.
    var hasDatabase: Bool { unsafe access(database, F_OK) == 0 }

    /// Makes the folder if there is none (mode 0700), and locks it.
    /// - Throws: who holds it, or what is wrong with it.
    init(claiming path: String) throws(StartFailure) {
        self.path = path
        if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
            throw StartFailure("The state folder \(path) cannot be made: \(errorText(errno)).")
        }
        try Self.check(path)
        lock = try StateLock(claiming: path)
    }

    /// Whoever else may write in it could put a database or secrets of his own there. (Its parents need no look: who may rename it can put
    /// nothing in its place that passes here.)
    private static func check(_ path: String) throws(StartFailure) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw StartFailure("The state folder \(path) cannot be used: \(errorText(errno)).")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw StartFailure("The state folder \(path) is no folder.") }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw StartFailure(
                "The state folder \(path) belongs to uid \(status.st_uid), neither root nor the daemon's user (uid \(geteuid())): "
                    + "if it is the right one, run `chown -R \(geteuid()) \(path.shellWord)`.")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw StartFailure(
                "The state folder \(path) may be written by others than its owner: make sure that nobody has put anything there, "
                    + "and run `chmod 0700 \(path.shellWord)`.")
        }
    }

    /// See `StateLock`.
    func release() { lock.release() }

    /// Writes a new file that no crash leaves half-written: synced, then renamed, then the folder synced.
    /// - Throws: what went wrong, and where.
    func create(_ name: String, _ secret: borrowing SecretBytes) throws(StartFailure) {
        let file = "\(path)/\(name)"
        let draft = file + ".new"
        unsafe unlink(draft)
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StartFailure("\(draft): \(errorText(errno)).") }
        let isWritten =
            secret.withBytes { bytes in
                unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) } == bytes.count
            } && fsync(descriptor) == 0
        let failure = errorText(errno)
        close(descriptor)
        guard isWritten else { throw StartFailure("\(draft): \(failure).") }
        guard unsafe rename(draft, file) == 0 else { throw StartFailure("\(file): \(errorText(errno)).") }
        let folder = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0, fsync(folder) == 0 else { throw StartFailure("\(path): \(errorText(errno)).") }
        close(folder)
    }
}
