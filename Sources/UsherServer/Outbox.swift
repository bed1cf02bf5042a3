import CEpoll
import Glibc

/// Replies on their way to a client: what the socket did not take yet waits here.
final class Outbox {
    private var bytes: [UInt8] = []
    /// How many of them the socket has taken.
    private var taken = 0
    /// How many wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    func append(_ replies: [UInt8]) {
        guard isEmpty else { return append(replies[...]) }
        // As it is, without a copy.
        (bytes, taken, count) = (replies, 0, replies.count)
    }

    private func append(_ replies: ArraySlice<UInt8>) {
        bytes += replies
        count += replies.count
    }

    /// Sends what waits, then a range of `replies`, as far as the socket takes them; the rest waits.
    /// - Returns: false if the client can no longer be sent anything.
    func send(_ replies: [UInt8], _ range: Range<Int>, to descriptor: Int32) -> Bool {
        guard isEmpty else {
            append(replies[range])
            return flush(to: descriptor)
        }
        guard let sent = Self.send(replies, range, to: descriptor) else { return false }
        if sent < range.count { append(replies[range.dropFirst(sent)]) }
        return true
    }

    /// Sends what waits, as far as the socket takes it.
    /// - Returns: false if the client can no longer be sent anything.
    func flush(to descriptor: Int32) -> Bool {
        guard !isEmpty else { return true }
        guard let sent = Self.send(bytes, taken..<bytes.count, to: descriptor) else { return false }
        taken += sent
        count -= sent
        if isEmpty {
            bytes = []
            taken = 0
        } else if taken > count {
            bytes.removeFirst(taken)
            taken = 0
        }
        return true
    }

    /// Throws away all that waits behind the line that the socket may have taken the beginning of.
    func cutToLine() {
        guard let end = bytes[taken...].firstIndex(of: UInt8(ascii: "\n")) else { return }
        bytes = Array(bytes[taken...end])
        taken = 0
        count = bytes.count
    }

    /// - Returns: how many bytes the socket took; nil if it will take no more. A client that has shut its reading side down shows nowhere
    ///   else: to epoll such a socket is writable, for ever.
    private static func send(_ bytes: [UInt8], _ range: Range<Int>, to descriptor: Int32) -> Int? {
        unsafe bytes.withUnsafeBytes { buffer in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
            let sent = unsafe usher_send(descriptor, rest.baseAddress, rest.count)
            if sent >= 0 { return sent }
            return [EAGAIN, EINTR, ENOBUFS, ENOMEM].contains(Int32(-sent)) ? 0 : nil
        }
    }
}
