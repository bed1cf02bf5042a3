import ArgumentParser
import Glibc
import Synchronization
import UsherModel

/// Where the path of the draft is, for a signal that ends the program: nothing half is to stay behind, least of all hashes.
private let unfinished = Atomic<UInt>(0)

/// A file that appears at its place only when it is whole, in place of what was there.
struct NewFile: ~Copyable {
    private let path: String
    /// Where it is until it is finished.
    let draft: String
    private let descriptor: Int32
    private var isThere = false

    /// - Parameter mode: who may read it, whatever the umask.
    init(at path: String, mode: mode_t) throws {
        self.path = path
        // With a point before and no known ending: whoever collects the files of a folder takes it for none of them.
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        draft = "\(folder).\(path.dropFirst(folder.count)).\(getpid())"
        // It is needed for as long as the program runs.
        unsafe unfinished.store(UInt(bitPattern: strdup(draft)), ordering: .relaxed)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                if let path = unsafe UnsafePointer<CChar>(bitPattern: unfinished.load(ordering: .relaxed)) { unsafe unlink(path) }
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Output.failure("\(draft): \(errorText(errno)).") }
        guard fchmod(descriptor, mode) == 0 else { throw Output.failure("\(draft): \(errorText(errno)).") }
    }

    deinit {
        close(descriptor)
        if !isThere { unsafe unlink(draft) }
    }

    borrowing func write(_ bytes: [UInt8]) throws {
        guard writeAll(bytes, to: descriptor) else { throw Output.failure("\(draft): \(errorText(errno)).") }
    }

    /// Puts it in its place.
    mutating func finish() throws {
        guard fsync(descriptor) == 0, unsafe rename(draft, path) == 0 else {
            throw Output.failure("\(path): \(errorText(errno)).")
        }
        isThere = true
        // Where folders can be synced: then it is there after a power cut, too.
        let folder = unsafe open(path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
