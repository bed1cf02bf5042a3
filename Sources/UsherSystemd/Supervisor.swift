import CSystemd

/// What the daemon tells whoever started it (sd_notify(3)); nothing where that is not systemd.
///
/// A message goes into a socket that systemd reads, and may block while it does not: not for the reactor's turn of the loop.
public struct Supervisor: Sendable {
    /// Whether there is somebody to tell (NOTIFY_SOCKET is set).
    public let isPresent: Bool

    public init() { isPresent = environment("NOTIFY_SOCKET") != nil }

    /// The first request would be answered now.
    /// - Returns: whether it was told, or nobody was there to tell. Otherwise systemd will take the start for failed.
    @discardableResult
    public func ready(status: String) -> Bool { tell(["READY=1", "STATUS=\(status)"]) }

    /// What the daemon is doing, for `systemctl status`.
    public func status(_ status: String) { _ = tell(["STATUS=\(status)"]) }

    /// The daemon is about to end.
    public func stopping(status: String) { _ = tell(["STOPPING=1", "STATUS=\(status)"]) }

    private func tell(_ assignments: [String]) -> Bool {
        guard isPresent else { return true }
        return unsafe sd_notify(0, Self.message(assignments)) > 0
    }

    /// One assignment a line; no value can add another.
    static func message(_ assignments: [String]) -> String {
        assignments.map { Escape.printable($0) }.joined(separator: "\n")
    }
}
