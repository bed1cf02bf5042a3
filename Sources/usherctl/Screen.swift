import Glibc
import Synchronization

/// Whether a signal has asked the program to end.
private let isAskedToEnd = Atomic(false)

/// A terminal that shows a page of its own, and is given back as it was, however the program ends in order.
final class Screen {
    private var before = termios()

    /// - Returns: nil where it is no terminal; errno tells why.
    init?() {
        guard unsafe tcgetattr(STDIN_FILENO, &before) == 0 else { return nil }
        for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
            signal(number) { _ in isAskedToEnd.store(true, ordering: .relaxed) }
        }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        guard unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0 else { return nil }
        // The other page, without the cursor.
        put("\u{1b}[?1049h\u{1b}[?25l")
    }

    deinit {
        unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
        put("\u{1b}[?25h\u{1b}[?1049l")
    }

    var size: (rows: Int, columns: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else { return (24, 80) }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// Each line replaces the one before; nothing flickers.
    func draw(_ lines: [String]) {
        put("\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\n") + "\u{1b}[J")
    }

    /// Waits, unless it is told to quit: by q, Ctrl-C, the end of input, or a signal.
    func waitForQuit(_ duration: Duration) -> Bool {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            if isAskedToEnd.load(ordering: .relaxed) { return true }
            var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            // In short steps: a signal may come to another thread.
            guard unsafe poll(&input, 1, 100) > 0 else { continue }
            var key: UInt8 = 0
            guard unsafe read(STDIN_FILENO, &key, 1) == 1 else { return true }
            switch key {
            case UInt8(ascii: "q"), UInt8(ascii: "Q"), 0x03, 0x04: return true
            // Anything else: look at once.
            default: return false
            }
        }
        return false
    }

    private func put(_ text: String) { _ = writeAll(Array(text.utf8), to: STDOUT_FILENO) }
}
