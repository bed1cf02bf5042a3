import Glibc

/// Replies on their way to a client: what the socket did not take yet waits here.
struct Outbox {
    private var bytes: [UInt8] = []
    /// How many of them the socket has taken.
    private var taken = 0

    /// How many bytes wait.
    var count: Int { bytes.count - taken }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ replies: [UInt8]) { bytes += replies }

    /// Sends what waits, then `replies`, as far as the socket takes them; the rest waits.
    /// - Returns: false if the client can no longer be sent anything.
    mutating func send(_ replies: [UInt8], to descriptor: Int32) -> Bool {
        guard isEmpty else {
            append(replies)
            return flush(to: descriptor)
        }
        guard let sent = Self.send(replies, from: 0, to: descriptor) else { return false }
        if sent < replies.count { bytes = Array(replies[sent...]) }
        return true
    }

    /// Sends what waits, as far as the socket takes it.
    /// - Returns: false if the client can no longer be sent anything.
    mutating func flush(to descriptor: Int32) -> Bool {
        guard !isEmpty else { return true }
        guard let sent = Self.send(bytes, from: taken, to: descriptor) else { return false }
        taken += sent
        if isEmpty {
            bytes = []
            taken = 0
        } else if taken > count {
            bytes.removeFirst(taken)
            taken = 0
        }
        return true
    }

    /// - Returns: how many bytes the socket took; nil if it will take no more. A client that has shut its reading side down shows nowhere
    ///   else: to epoll such a socket is writable, for ever.
    private static func send(_ bytes: [UInt8], from start: Int, to descriptor: Int32) -> Int? {
        unsafe bytes.withUnsafeBytes { buffer in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start...])
            let sent = unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            if sent >= 0 { return sent }
            return [EAGAIN, EINTR, ENOBUFS, ENOMEM].contains(errno) ? 0 : nil
        }
    }
}
