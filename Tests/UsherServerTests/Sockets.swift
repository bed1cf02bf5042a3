import Glibc
import UsherHarness

/// The client's end of a connection.
final class Client {
    let descriptor: Int32
    private var received: [UInt8] = []
    private(set) var isAtEnd = false
    private var isOpen = true

    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close() }

    /// A pair of connected sockets; the daemon's end does not block.
    static func pair() -> (client: Client, served: Int32) {
        var ends: [Int32] = [0, 0]
        precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        return (Client(ends[0]), ends[1])
    }

    /// A connection that blocks, for at most ten seconds.
    static func connect(to path: String) -> Client? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            Glibc.close(descriptor)
            return nil
        }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        return Client(descriptor)
    }

    /// - Returns: how many bytes the socket took, or -1.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>) -> Int {
        let bytes = Array(bytes)
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Glibc.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return sent > 0 ? sent : -1 }
            sent += count
        }
        return sent
    }

    @discardableResult
    func send(_ text: String) -> Int { send(text.utf8) }

    /// Takes what is there, up to `most` bytes.
    /// - Returns: whether there was anything.
    @discardableResult
    func receive(most: Int = .max) -> Bool {
        var block = [UInt8](repeating: 0, count: 65_536)
        var taken = 0
        while taken < most {
            let count = unsafe recv(descriptor, &block, min(block.count, most - taken), Int32(MSG_DONTWAIT))
            if count == 0 { isAtEnd = true }
            guard count > 0 else { break }
            received += block.prefix(count)
            taken += count
        }
        return taken > 0
    }

    /// The whole lines among what was received, which are forgotten.
    func lines() -> [String] {
        receive()
        guard let last = received.lastIndex(of: 0x0a) else { return [] }
        defer { received.removeFirst(last + 1) }
        return String(decoding: received[..<last], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    /// Blocks until there are so many lines, or the connection has ended.
    func lines(_ count: Int) -> [String] {
        var lines = lines()
        while lines.count < count, !isAtEnd, wait() { lines += self.lines() }
        return lines
    }

    /// Blocks until the daemon has closed the connection.
    /// - Returns: false after ten seconds.
    func waitForEnd() -> Bool {
        while !isAtEnd {
            guard wait() else { return false }
            receive()
        }
        return true
    }

    private func wait() -> Bool {
        var readable = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&readable, 1, 10_000) > 0
    }

    /// Bytes that were received and are no whole line yet.
    var rest: [UInt8] {
        receive()
        return received
    }

    func stopWriting() { shutdown(descriptor, Int32(SHUT_WR)) }
    func stopReading() { shutdown(descriptor, Int32(SHUT_RD)) }

    func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }
}

/// A folder of its own under /tmp, taken away with what is in it.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/usher-test-XXXXXX".utf8CString)
        precondition(unsafe mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in ["socket", "file", "other"] { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }
}

func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
