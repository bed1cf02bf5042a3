import CSystemd
import Glibc
import UsherModel

/// Where the journal's thread writes events. A call may block for as long as it likes.
protocol EventSink: Sendable {
    /// - Returns: false when the event is lost.
    func write(_ event: Event) -> Bool
}

/// journald, through its own socket.
struct JournaldSink: EventSink {
    func write(_ event: Event) -> Bool {
        let fields = fields(for: event)
        var bytes = Array(fields.joined())
        return unsafe bytes.withUnsafeMutableBytes { bytes in
            var rest = bytes.baseAddress!
            let vectors = unsafe fields.map { field in
                defer { unsafe rest += field.count }
                return unsafe iovec(iov_base: rest, iov_len: field.count)
            }
            return unsafe sd_journal_sendv(vectors, Int32(vectors.count)) >= 0
        }
    }
}

/// One line an event to a file descriptor: standard error, where the journal does not read it.
struct LineSink: EventSink {
    let descriptor: Int32
    private let prefix = "usherd[\(getpid())] "

    init(descriptor: Int32) { self.descriptor = descriptor }

    func write(_ event: Event) -> Bool {
        let line = Array("\(prefix)\(event.priority.name): \(event.text)\n".utf8)
        var written = 0
        while written < line.count {
            let count = unsafe line.withUnsafeBytes { line in
                unsafe Glibc.write(descriptor, line.baseAddress! + written, line.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                // Others share the open file and may have made it non-blocking. This thread has time.
                var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                unsafe poll(&writable, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
