import ArgumentParser
import Glibc
import UsherModel

/// What is printed. It goes out at once, and what cannot be written ends the command: half an export must not look like one.
enum Output {
    static func write(_ bytes: [UInt8]) { send(bytes, to: STDOUT_FILENO) }

    /// A line of a reply, as it is.
    static func line(_ json: [UInt8]) { send(json + [UInt8(ascii: "\n")], to: STDOUT_FILENO) }

    static func print(_ text: String) { send(Array((text + "\n").utf8), to: STDOUT_FILENO) }

    /// For people who watch, not for whoever reads the output.
    static func remark(_ text: String) { send(Array((text + "\n").utf8), to: STDERR_FILENO) }

    static func complain(_ text: String) { remark("usherctl: " + text) }

    /// - Returns: what a command that cannot go on throws.
    static func failure(_ text: String, _ status: ExitCode = ExitStatus.local) -> ExitCode {
        complain(text)
        return status
    }

    private static func send(_ bytes: [UInt8], to descriptor: Int32) {
        if writeAll(bytes, to: descriptor) { return }
        if descriptor == STDOUT_FILENO { complain("standard output: \(errorText(errno)).") }
        exit(ExitStatus.local.rawValue)
    }
}

/// - Returns: whether all was written; if not, errno tells why.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress! + written, $0.count - written) }
        if count < 0, errno != EINTR { return false }
        written += max(count, 0)
    }
    return true
}
