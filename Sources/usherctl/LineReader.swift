import ArgumentParser
import Glibc
import UsherModel

/// The lines of a file, one after another.
struct LineReader: ~Copyable {
    private let name: String
    private let descriptor: Int32
    private var block: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    /// How many lines were read.
    private(set) var count = 0
    /// How many bytes were read of how many; the latter nil for what is no plain file.
    private(set) var bytesRead = 0
    let size: Int?

    /// A longer line is no user.
    private static let longest = 16 << 20

    /// - Parameter path: `-` for standard input.
    init(_ path: String) throws {
        name = path == "-" ? "standard input" : path
        descriptor = path == "-" ? dup(STDIN_FILENO) : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Output.failure("\(name): \(errorText(errno)).") }
        var status = stat()
        size = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    deinit { close(descriptor) }

    /// The next line without its LF, and without a CR before that; nil at the end.
    mutating func next() throws -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            if let end = block[position...].firstIndex(of: UInt8(ascii: "\n")) {
                line += block[position..<end]
                position = end + 1
                break
            }
            line += block[position...]
            guard line.count <= Self.longest else { throw Output.failure("Line \(count + 1) is too long to be a user.") }
            try fill()
            if isAtEnd {
                if line.isEmpty { return nil }
                break
            }
        }
        count += 1
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }

    private mutating func fill() throws {
        position = 0
        block = [UInt8](repeating: 0, count: 262_144)
        while true {
            let read = unsafe read(descriptor, &block, block.count)
            if read < 0 {
                guard errno == EINTR else { throw Output.failure("\(name): \(errorText(errno)).") }
                continue
            }
            block.removeLast(block.count - read)
            bytesRead += read
            isAtEnd = read == 0
            return
        }
    }
}
