import Glibc

/// What counts as one place that clients come from: an IPv4 address, or an IPv6 network of /64, which one subscriber has to himself.
public struct AddressBlock: Hashable, Sendable {
    /// An IPv6 address's first half; an IPv4 address in what is no network that a client can come from, ffff:ffff::/32.
    public let bits: UInt64

    public init(bits: UInt64) { self.bits = bits }

    /// An IPv4 address that is written as an IPv6 one (RFC 4291 §2.5.5.2), or comes through NAT64 (RFC 6052 §2.1, RFC 8215), counts as itself:
    /// in its network there is all of IPv4. So does one that has a 6to4 site (RFC 3056 §2), which has 65,536 networks.
    public init(_ address: IPAddress) {
        var parsed = in6_addr()
        let isIPv4 = unsafe inet_pton(AF_INET, address.description, &parsed) == 1
        if !isIPv4 { _ = unsafe inet_pton(AF_INET6, address.description, &parsed) }
        let bytes = unsafe withUnsafeBytes(of: &parsed) { unsafe Array($0) }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        let (first, second) = (number(0..<8), number(8..<16))
        let isMapped = first == 0 && second >> 32 == 0xffff
        // Of the prefixes that RFC 8215 leaves to each operator, those of /96, as they are common: others cannot be told apart.
        let isTranslated = (first == 0x0064_ff9b_0000_0000 || first >> 16 == 0x0064_ff9b_0001) && second >> 32 == 0
        bits =
            if isIPv4 {
                Self.ipv4 | number(0..<4)
            } else if isMapped || isTranslated {
                Self.ipv4 | second & 0xffff_ffff
            } else if first >> 48 == 0x2002 {
                Self.ipv4 | first >> 16 & 0xffff_ffff
            } else {
                first
            }
    }

    private static let ipv4: UInt64 = 0xffff_ffff_0000_0000
}
