import Glibc
public import UsherModel

/// A file whose bytes are a secret.
public enum SecretFile {
    /// The most bytes that such a file may have.
    public static let maxLength = 65_536

    /// The bytes of the file, verbatim but for one LF at the end, if there is one. Nil where there is no such file. They are
    /// never outside `SecretBytes`.
    /// - Throws: `internal`, with a cause that names the file, when it cannot be read or is too long.
    public static func read(_ path: String) throws(UsherError) -> SecretBytes? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw UsherError(.internal, cause: "cannot open \(path): \(errorText(errno))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw UsherError(.internal, cause: "\(path) is no regular file")
        }

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
