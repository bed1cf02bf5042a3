import Glibc
import UsherModel

/// A file that is open for reading, and closed with this. It is no pipe and no device: those would be waited for.
struct RegularFile: ~Copyable {
    let descriptor: Int32
    /// In bytes.
    let size: Int

    /// - Throws: what keeps it from being read.
    init(_ path: String) throws(StartFailure) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw StartFailure("\(path): \(errorText(errno)).") }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw StartFailure("\(path): no regular file.")
        }
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }
}
