import CSystemd
import Glibc
import UsherModel
import UsherThreads

/// What the daemon tells whoever started it (sd_notify(3)); nothing where that is not systemd. No call blocks.
public final class Supervisor: Sendable {
    /// Whether there is somebody to tell (NOTIFY_SOCKET is set).
    public let isPresent: Bool
    /// How long it waits for a sign of life before it ends the daemon, in milliseconds; nil where it does not (WATCHDOG_USEC, if
    /// WATCHDOG_PID names this process).
    public let watchdog: Int64?
    private let socket: NotifySocket?
    /// What must arrive and could not be sent at once; a thread of its own waits with it for systemd to read. In their order.
    private let unsent = Lock<[String]>([])

    public init() {
        let address = environment("NOTIFY_SOCKET")
        isPresent = address != nil
        socket = address.flatMap(NotifySocket.init)
        var microseconds: UInt64 = 0
        watchdog = unsafe sd_watchdog_enabled(0, &microseconds) > 0 ? Int64(clamping: microseconds / 1000) : nil
    }

    /// The first request would be answered now.
    /// - Returns: whether it was told or will be, or nobody was there to tell. Otherwise systemd will take the start for failed.
    @discardableResult
    public func ready(status: String) -> Bool { tell(["READY=1", "STATUS=\(status)"]) }

    /// Settings are being read anew; `ready` tells when that is over (sd_notify(3): RELOADING=1).
    public func reloading() {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        tell(["RELOADING=1", "MONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)"])
    }

    /// The daemon is about to end.
    public func stopping(status: String) { tell(["STOPPING=1", "STATUS=\(status)"]) }

    /// What the daemon is doing, for `systemctl status`.
    /// - Returns: whether it was told; false where systemd did not read what it was told before.
    public func status(_ status: String) -> Bool { send(["STATUS=\(status)"]) != .full }

    /// The daemon is alive.
    /// - Returns: as `status`.
    public func feedWatchdog() -> Bool { send(["WATCHDOG=1"]) != .full }

    private func send(_ assignments: [String]) -> NotifySocket.Outcome {
        guard let socket else { return .failed }
        return unsent.withLock { $0.isEmpty } ? socket.send(Self.message(assignments), mayBlock: false) : .full
    }

    /// Tells what must arrive.
    @discardableResult
    private func tell(_ assignments: [String]) -> Bool {
        guard isPresent else { return true }
        guard let socket else { return false }
        let message = Self.message(assignments)
        return unsent.withLock { unsent in
            if unsent.isEmpty {
                switch socket.send(message, mayBlock: false) {
                case .sent: return true
                case .failed: return false
                case .full: break
                }
            }
            guard unsent.count < Limits.notifications else { return false }
            unsent.append(message)
            if unsent.count == 1 { _ = Thread(name: "usher-notify") { [self] in sendUnsent(to: socket) } }
            return true
        }
    }

    private func sendUnsent(to socket: NotifySocket) {
        var next = unsent.withLock { $0.first }
        while let message = next {
            _ = socket.send(message, mayBlock: true)
            next = unsent.withLock { unsent in
                unsent.removeFirst()
                return unsent.first
            }
        }
    }

    /// One assignment a line; no value can add another, or make the message longer than systemd takes it.
    static func message(_ assignments: [String]) -> String {
        assignments.map { String(decoding: Escape.printable($0).utf8.prefix(Limits.status), as: UTF8.self) }.joined(
            separator: "\n")
    }
}
