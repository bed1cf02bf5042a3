import CSystemd
import Glibc

/// The socket that systemd takes notifications at (sd_notify(3)). sd_notify itself would block as long as systemd does not read.
struct NotifySocket: Sendable {
    private let descriptor: Int32
    /// A sockaddr_un, as long as the name needs it.
    private let address: [UInt8]

    /// Nil for an address that is neither a path nor an abstract name, or is too long. It lasts as long as the process.
    init?(_ address: String) {
        guard let first = address.utf8.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"), address.utf8.count > 1
        else { return nil }
        var name = Array(address.utf8)
        // An abstract name begins with a NUL, and ends with its length; a path with a NUL.
        if first == UInt8(ascii: "@") { name[0] = 0 } else { name.append(0) }
        guard name.count <= MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { return nil }
        self.address = unsafe withUnsafeBytes(of: sa_family_t(AF_UNIX)) { unsafe Array($0) } + name
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
    }

    enum Outcome {
        case sent
        /// systemd has not read what it was told before.
        case full
        case failed
    }

    /// - Parameter mayBlock: whether to wait until there is room; otherwise it returns at once.
    func send(_ message: String, mayBlock: Bool) -> Outcome {
        let message = Array(message.utf8)
        let flags = Int32(MSG_NOSIGNAL) | (mayBlock ? 0 : Int32(MSG_DONTWAIT))
        while true {
            let count = unsafe address.withUnsafeBytes { address in
                unsafe sendto(
                    descriptor, message, message.count, flags, address.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                    socklen_t(address.count))
            }
            if count >= 0 { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .full
            default: return .failed
            }
        }
    }
}
