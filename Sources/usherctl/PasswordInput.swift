import ArgumentParser
import Glibc
import UsherModel

/// Where passwords come from: the terminal, without echo, or the first line of standard input. Never the command line, which everybody can read.
enum PasswordInput {
    private static let most = 4_096

    /// A new password; asked for twice on a terminal.
    static func new() throws -> String {
        guard isatty(STDIN_FILENO) == 1 else { return try accepted(firstLine()) }
        let password = try accepted(prompt("New password: "))
        guard try prompt("Once more: ") == Array(password.utf8) else {
            throw Output.failure("These are two different passwords.")
        }
        return password
    }

    private static func accepted(_ bytes: [UInt8]) throws -> String {
        guard !bytes.isEmpty else {
            throw Output.failure("There is no password: type one, or have it on the first line of standard input.")
        }
        guard let password = String(validating: bytes, as: UTF8.self) else {
            throw Output.failure("The password is not valid UTF-8.")
        }
        return password
    }

    private static func firstLine() throws -> [UInt8] {
        var line: [UInt8] = []
        while let byte = try next(), byte != UInt8(ascii: "\n") {
            guard line.count < most else { throw Output.failure("The password has more than \(most) bytes.") }
            line.append(byte)
        }
        return line
    }

    private static func next() throws -> UInt8? {
        var byte: UInt8 = 0
        while true {
            let count = unsafe read(STDIN_FILENO, &byte, 1)
            if count == 1 { return byte }
            if count == 0 { return nil }
            guard errno == EINTR else { throw Output.failure("standard input: \(errorText(errno)).") }
        }
    }

    /// Reads a line key by key: with the terminal's own editing, Ctrl-C would leave it without echo.
    private static func prompt(_ text: String) throws -> [UInt8] {
        var before = termios()
        guard unsafe tcgetattr(STDIN_FILENO, &before) == 0 else { throw Output.failure("the terminal: \(errorText(errno)).") }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        // What was typed before it was asked for is not the password.
        guard unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
            throw Output.failure("the terminal: \(errorText(errno)).")
        }
        defer {
            unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            Output.remark("")
        }
        _ = writeAll(Array(text.utf8), to: STDERR_FILENO)
        var line: [UInt8] = []
        while let key = try next() {
            switch key {
            case 0x0a, 0x0d: return line
            // Ctrl-D
            case 0x04: if line.isEmpty { return line }
            // Ctrl-C, as a shell tells it
            case 0x03: throw ExitCode(130)
            // Ctrl-U
            case 0x15: line = []
            case 0x7f, 0x08:
                while let last = line.popLast(), last & 0xc0 == 0x80 {}
            default:
                guard line.count < most else { throw Output.failure("The password has more than \(most) bytes.") }
                line.append(key)
            }
        }
        return line
    }
}
