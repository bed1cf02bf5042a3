import Glibc

/// A connection to the daemon's socket. Whoever uses it blocks, until a deadline at most; it is closed when it is let go of, and a program that
/// is started meanwhile does not get it.
final class Connection {
    private let descriptor: Int32
    /// What has come and is no whole line yet.
    private var received: [UInt8] = []
    /// How much of it is known to hold no line's end.
    private var searched = 0

    /// The longest reply that is read, in bytes: past it, what comes is no reply.
    private static let longestReply = 64 << 20

    /// - Throws: `unreachable`, `timedOut`, `cancelled`.
    init(path: String, deadline: Deadline) throws(LostConnection) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room, !path.utf8.contains(0) else {
            throw LostConnection(.unreachable, "\(path): a socket's path has at most \(room - 1) bytes.")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let kinds = [SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC].map { Int32($0.rawValue) }
        descriptor = socket(AF_UNIX, kinds.reduce(0, |), 0)
        guard descriptor >= 0 else { throw LostConnection(.unreachable, "No socket can be made: \(Self.errorText(errno)).") }
        while true {
            let result = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result == 0 { return }
            // So many wait to be accepted that there is no room for another one: nothing tells when there is.
            guard errno == EAGAIN || errno == EINTR else {
                throw LostConnection(.unreachable, "\(path): \(Self.errorText(errno)).")
            }
            try Self.check(deadline)
            _ = poll(nil, 0, min(deadline.step, 10))
        }
    }

    /// - Parameter descriptor: a connected stream socket, which it takes over.
    init(taking descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// Whether the connection is open and nothing has come that nobody asked for.
    var isQuiet: Bool {
        var byte: UInt8 = 0
        guard received.isEmpty else { return false }
        return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK)) < 0 && errno == EAGAIN
    }

    /// - Throws: `timedOut`, `cancelled`.
    func send(_ bytes: [UInt8], deadline: Deadline) throws(LostConnection) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Glibc.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(POLLOUT, deadline)
            } else if errno != EINTR {
                // The other side is closed. It may have said why: reading finds that, or the end.
                return
            }
        }
    }

    /// The next line without its LF.
    /// - Throws: `ended`, `timedOut`, `garbled`, `cancelled`.
    func readLine(deadline: Deadline) throws(LostConnection) -> [UInt8] {
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(received[..<end])
                received.removeSubrange(...end)
                searched = 0
                return line
            }
            searched = received.count
            guard searched <= Self.longestReply else { throw LostConnection(.garbled, "The daemon's reply does not end.") }
            try receive(deadline)
        }
    }

    private func receive(_ deadline: Deadline) throws(LostConnection) {
        while true {
            let count = unsafe withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { block in
                let count = unsafe recv(descriptor, block.baseAddress, block.count, 0)
                if count > 0 { unsafe received.append(contentsOf: block[..<count]) }
                return count
            }
            if count > 0 { return }
            if count < 0, errno == EAGAIN {
                try wait(POLLIN, deadline)
            } else if count == 0 || errno != EINTR {
                let place = received.isEmpty ? "" : " in the middle of a reply"
                throw LostConnection(.ended, "The daemon closed the connection\(place).")
            }
        }
    }

    private func wait(_ event: Int32, _ deadline: Deadline) throws(LostConnection) {
        try Self.check(deadline)
        var waiting = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        _ = unsafe poll(&waiting, 1, deadline.step)
    }

    private static func check(_ deadline: Deadline) throws(LostConnection) {
        if Task.isCancelled { throw LostConnection(.cancelled, "The request was cancelled.") }
        if deadline.isOver { throw LostConnection(.timedOut, "The daemon did not answer in time.") }
    }

    private static func errorText(_ code: Int32) -> String {
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}
