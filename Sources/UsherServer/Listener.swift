import Glibc
public import UsherModel
public import UsherOperations

/// A listening socket: inherited, or made here at a path.
public struct Listener: Sendable {
    public let descriptor: Int32
    /// Its `FileDescriptorName=`.
    public let name: String
    /// Set if this process made it: it takes it away again when it stops.
    public let path: String?
    /// Of the file that was made at `path`.
    private let file: FileID?

    private struct FileID: Equatable {
        let device: dev_t
        let inode: ino_t

        /// Nil where there is no such file.
        init?(of path: String) {
            var status = stat()
            guard unsafe lstat(path, &status) == 0 else { return nil }
            (device, inode) = (status.st_dev, status.st_ino)
        }
    }

    public init(inherited descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        path = nil
        file = nil
    }

    /// What may be called on it. Of a name that says nothing else it is the apps': nobody is given more than they should be.
    public var place: Operation.Place { name == Rules.adminSocket ? .admin : .app }

    /// Makes a socket at `path`, mode 0660, or 0600 for administrators. One that a dead daemon left is replaced.
    /// - Throws: a sentence that says what stands in the way: a living daemon, another kind of file, a folder that cannot be written.
    public init(path: String, name: String) throws(StartFailure) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard !bytes.isEmpty, bytes.count < room, !bytes.contains(0) else {
            throw StartFailure("The socket's path must have 1 to \(room - 1) bytes: \(path)")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }

        try Self.removeStale(path, address)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw StartFailure("socket: \(errorText(errno))") }
        let mask = umask(name == Rules.adminSocket ? 0o177 : 0o117)
        let bound = unsafe Self.withSocketAddress(&address) { unsafe bind(descriptor, $0, $1) }
        let failure = errno
        umask(mask)
        guard bound == 0, listen(descriptor, SOMAXCONN) == 0 else {
            close(descriptor)
            throw StartFailure("The socket \(path) cannot be made: \(errorText(bound == 0 ? errno : failure)).")
        }
        self.descriptor = descriptor
        self.name = name
        self.path = path
        file = FileID(of: path)
    }

    /// Takes the file away, unless another one is in its place by now. Only of a socket made here, before its descriptor is closed.
    public func remove() {
        if let path, FileID(of: path) == file { unsafe unlink(path) }
        close(descriptor)
    }

    private static func removeStale(_ path: String, _ address: sockaddr_un) throws(StartFailure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            let kind = status.st_mode & S_IFMT == S_IFLNK ? "is a symbolic link, not a socket" : "exists and is not a socket"
            throw StartFailure("\(path) \(kind): if nobody needs it, run `rm \(path.shellWord)`, or listen elsewhere.")
        }
        // Whose it is may still use it, or have put it there for a reason.
        guard status.st_uid == geteuid() else {
            throw StartFailure(
                "The socket \(path) belongs to uid \(status.st_uid), not to the daemon's user (uid \(geteuid())): if nobody needs it, "
                    + "run `rm \(path.shellWord)`, or listen elsewhere.")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw StartFailure("socket: \(errorText(errno))") }
        defer { close(probe) }
        var address = address
        let answer = unsafe withSocketAddress(&address) { unsafe connect(probe, $0, $1) == 0 ? 0 : errno }
        guard answer == ECONNREFUSED else {
            throw StartFailure(
                answer == 0 || answer == EAGAIN
                    ? "Another process listens on \(path): stop it, or listen elsewhere."
                    : "\(path) exists and cannot be asked whether it is in use: \(errorText(answer)).")
        }
        guard unsafe unlink(path) == 0 else {
            throw StartFailure("The socket \(path) of a dead daemon cannot be removed: \(errorText(errno)).")
        }
    }

    private static func withSocketAddress<R>(
        _ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
