import Glibc
import UsherModel

/// How far it is, on one line of a terminal that is written again and again. Nothing where standard error is no terminal.
struct Progress {
    private let isShown = isatty(STDERR_FILENO) == 1
    private var last: ContinuousClock.Instant?

    /// - Parameter share: how much of the whole, from 0 to 1; nil if that is not known.
    mutating func show(_ count: Int, _ what: String, share: Double? = nil) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let last, last.duration(to: now) < .milliseconds(100) { return }
        last = now
        let percent = share.map { ", \(Int($0 * 100)) %" } ?? ""
        _ = writeAll(Array("\r\u{1b}[K\(count.grouped) \(what)\(percent)".utf8), to: STDERR_FILENO)
    }

    /// Clears the line, for what is said next.
    func clear() {
        if isShown, last != nil { _ = writeAll(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO) }
    }
}
