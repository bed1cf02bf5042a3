import Glibc

/// The end user as the web app saw them: `{"ip","user_agent"}`.
public struct Client: Sendable, Equatable {
    public var address: IPAddress?
    /// Cut to `Limits.userAgent` bytes.
    public var userAgent: String?

    public init(address: IPAddress? = nil, userAgent: String? = nil) {
        self.address = address
        self.userAgent = userAgent
    }
}

/// An IPv4 or IPv6 address, in the form that inet_ntop(3) writes.
public struct IPAddress: Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// Nil for what inet_pton(3) takes for neither family.
    public init?(parsing raw: String) {
        // To C the text would end there.
        guard !raw.utf8.contains(0) else { return nil }
        for family in [AF_INET, AF_INET6] {
            var address = in6_addr()
            guard unsafe inet_pton(family, raw, &address) == 1 else { continue }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard unsafe inet_ntop(family, &address, &text, socklen_t(text.count)) != nil else { return nil }
            description = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return
        }
        return nil
    }
}

/// Who is at the other end of a connection (SO_PEERCRED).
public struct Peer: Sendable, Hashable {
    public let uid: UInt32
    public let gid: UInt32
    public let pid: Int32

    public init(uid: UInt32, gid: UInt32, pid: Int32) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }
}
