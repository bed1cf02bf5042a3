import Glibc
import UsherModel

/// A small file that is read at once.
enum TextFile {
    struct Unreadable: Error {
        let code: Int32
    }

    /// At most 1 MiB of it.
    static func read(_ path: String) throws(Unreadable) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(code: errno) }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16_384)
        while text.count < 1 << 20 {
            let count = unsafe Glibc.read(descriptor, &block, block.count)
            if count == 0 { break }
            guard count > 0 else { throw Unreadable(code: errno) }
            text += block.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
