import Glibc
import UsherModel

/// The lines of a text file of any size, in bounded memory.
enum TextLines {
    /// Bytes that are read at once.
    private static let block = 1_048_576

    /// Hands over each line that is not empty, without its end (LF, or CR LF), and its number, from 1, until `body` answers false.
    /// - Throws: what is wrong with the file, and in which line; what `body` throws.
    static func each(
        of path: String, _ body: (Span<UInt8>, Int) throws(StartFailure) -> Bool
    ) throws(StartFailure) {
        let file = try RegularFile(path)
        var buffer = [UInt8](repeating: 0, count: block)
        var (filled, number) = (0, 0)
        while true {
            let capacity = buffer.count - filled
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe read(file.descriptor, buffer.baseAddress! + filled, capacity)
            }
            guard count >= 0 else { throw StartFailure("\(path): \(errorText(errno)).") }
            // The last line may have no end.
            if count == 0, filled > 0 {
                buffer[filled] = UInt8(ascii: "\n")
                filled += 1
            }
            filled += count
            var start = 0
            while let end = lineEnd(buffer.span.extracting(start..<filled)) {
                number += 1
                if try !hand(buffer.span.extracting(start..<start + end), number, path, body) { return }
                start += end + 1
            }
            if count == 0 { return }
            guard filled - start <= Limits.breachedLine + 1 else { throw tooLong(path, number + 1) }
            // What is left is the beginning of the next line.
            for index in start..<filled { buffer[index - start] = buffer[index] }
            filled -= start
        }
    }

    private static func lineEnd(_ text: Span<UInt8>) -> Int? {
        unsafe text.withUnsafeBytes { text in
            guard let base = text.baseAddress, let end = unsafe memchr(base, 0x0a, text.count) else { return nil }
            return unsafe UnsafeRawPointer(end) - base
        }
    }

    private static func hand(
        _ line: Span<UInt8>, _ number: Int, _ path: String, _ body: (Span<UInt8>, Int) throws(StartFailure) -> Bool
    ) throws(StartFailure) -> Bool {
        let isCRLF = line.count > 0 && line[line.count - 1] == UInt8(ascii: "\r")
        let line = isCRLF ? line.extracting(0..<line.count - 1) : line
        guard !line.isEmpty else { return true }
        guard line.count <= Limits.breachedLine else { throw tooLong(path, number) }
        return try body(line, number)
    }

    private static func tooLong(_ path: String, _ number: Int) -> StartFailure {
        StartFailure("\(path):\(number): longer than \(Limits.breachedLine) bytes: no password is.")
    }
}
