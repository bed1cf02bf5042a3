import Glibc
public import UsherModel

/// A file whose bytes are a secret.
public enum SecretFile {
    /// The most bytes that such a file may have.
    public static let maxLength = 65_536

    /// Who has set a file up, on whom it depends what its owner and mode may be.
    public enum Keeper: Sendable {
        /// An administrator or the daemon itself: it belongs to root or to the daemon's user, and nobody else may do anything with it. (Who
        /// looks at it may be root, for the daemon: its user is then whoever the folder belongs to, who could put anything there.)
        case administrator
        /// systemd, which lets the daemon's user in by owner or by access control list, whose mask shows as the mode of the group
        /// (acl(5)). It does not let others in, neither into the file nor into its folder; who plays its part must keep to one of both.
        case systemd
    }

    /// The bytes of the file, verbatim but for one LF at the end, if there is one. Nil where there is no such file. They are
    /// never outside `SecretBytes`.
    /// - Throws: `internal`, with a cause that names the file, when it cannot be read or is too long, or when others may read it: then it
    ///   says what to do.
    public static func read(_ path: String, of keeper: Keeper) throws(UsherError) -> SecretBytes? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            let failure = errno
            guard failure == ENOENT else {
                let remedy = failure == EACCES ? try remedy(path, keeper) : ""
                throw UsherError(.internal, cause: "cannot open \(path): \(errorText(failure))\(remedy)")
            }
            var link = stat()
            if unsafe lstat(path, &link) == 0 {
                throw UsherError(
                    .internal, cause: "\(path) is a symbolic link to nothing: mend it, or run `rm \(path.shellWord)`")
            }
            return nil
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw UsherError(.internal, cause: "\(path) is no regular file")
        }
        try check(status, path, keeper)

        var failure: Int32 = 0
        // One byte more than may be: it tells a file that is too long.
        let content = unsafe SecretBytes(capacity: maxLength + 1) { target in
            var length = 0
            while length < target.count {
                let count = unsafe Glibc.read(descriptor, target.baseAddress! + length, target.count - length)
                if count == 0 { break }
                if count > 0 {
                    length += count
                } else if errno != EINTR {
                    failure = errno
                    return 0
                }
            }
            return length
        }
        guard failure == 0 else { throw UsherError(.internal, cause: "cannot read \(path): \(errorText(failure))") }
        guard content.count <= maxLength else {
            throw UsherError(.internal, cause: "\(path) has more than \(maxLength) bytes: that is no secret")
        }
        return content.withoutLastLF()
    }

    /// What lets the daemon's user open a file that may be looked at.
    /// - Throws: as `check`, if that says more.
    private static func remedy(_ path: String, _ keeper: Keeper) throws(UsherError) -> String {
        var status = stat()
        guard keeper == .administrator, unsafe stat(path, &status) == 0 else { return "" }
        try check(status, path, keeper)
        return ": run `chown \(geteuid()) \(path.shellWord) && chmod 0600 \(path.shellWord)`"
    }

    private static func check(_ status: stat, _ path: String, _ keeper: Keeper) throws(UsherError) {
        switch keeper {
        case .administrator:
            let user = geteuid() == 0 ? owner(of: folder(of: path)) : geteuid()
            guard status.st_uid == 0 || status.st_uid == user else {
                throw UsherError(
                    .internal,
                    cause: "\(path) belongs to uid \(status.st_uid), neither root nor the daemon's user (uid \(user)): "
                        + "if it is the right one, run `chown \(user) \(path.shellWord)`")
            }
            if status.st_mode & 0o077 != 0 { throw isOpen(path, "0600") }
        case .systemd:
            if status.st_mode & 0o007 != 0, mayBeEntered(folder(of: path)) { throw isOpen(path, "o=") }
        }
    }

    private static func folder(of path: String) -> String {
        String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
    }

    /// Root, where it cannot be told.
    private static func owner(of folder: String) -> uid_t {
        var status = stat()
        return unsafe stat(folder, &status) == 0 ? status.st_uid : 0
    }

    /// Whether others may open what is in a folder.
    private static func mayBeEntered(_ folder: String) -> Bool {
        var status = stat()
        return unsafe stat(folder, &status) != 0 || status.st_mode & 0o001 != 0
    }

    private static func isOpen(_ path: String, _ mode: String) -> UsherError {
        UsherError(
            .internal,
            cause: "others may read \(path), a secret: put a new one in its place if they may have, and run "
                + "`chmod \(mode) \(path.shellWord)`")
    }
}

extension SecretBytes {
    /// A copy that is as long as it need be.
    fileprivate borrowing func withoutLastLF() -> SecretBytes {
        unsafe SecretBytes(capacity: count) { target in
            withBytes { bytes in
                let length = bytes.count > 0 && bytes[bytes.count - 1] == UInt8(ascii: "\n") ? bytes.count - 1 : bytes.count
                for index in 0..<length { unsafe target[index] = bytes[index] }
                return length
            }
        }
    }
}
