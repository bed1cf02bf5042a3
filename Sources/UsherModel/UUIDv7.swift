/// A UUID of version 7 (RFC 9562 §5.7): 48 bits of Unix time in milliseconds, then random bits. Never used again, and in the order of
/// creation, so that a store appends instead of scattering.
public struct UUIDv7: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let high: UInt64
    public let low: UInt64

    /// - Parameters:
    ///   - milliseconds: since 1970.
    ///   - random: 128 random bits, of which 74 are used.
    public init(milliseconds: Int64, random: (UInt64, UInt64)) {
        high = UInt64(truncatingIfNeeded: milliseconds) << 16 | 0x7000 | random.0 & 0x0fff
        low = 0x8000_0000_0000_0000 | random.1 >> 2
    }

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the canonical form alone: 36 characters, lower-case hexadecimal. Any UUID version is taken.
    public init?(parsing text: Span<UInt8>) {
        guard text.count == 36 else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for index in 0..<36 {
            let byte = text[index]
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if digits < 16 { halves.0 = halves.0 << 4 | UInt64(digit) } else { halves.1 = halves.1 << 4 | UInt64(digit) }
            digits += 1
        }
        self.init(high: halves.0, low: halves.1)
    }

    public init?(parsing text: String) {
        var text = text
        guard let parsed = text.withUTF8({ unsafe UUIDv7(parsing: $0.span) }) else { return nil }
        self = parsed
    }

    /// Whether its version and its variant are those of RFC 9562 §5.7.
    public var isVersion7: Bool { high >> 12 & 0xf == 7 && low >> 62 == 2 }

    public var description: String {
        let hex = Array("0123456789abcdef".utf8)
        return unsafe String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    unsafe buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let half = digit < 16 ? high : low
                unsafe buffer[position] = hex[Int(half >> UInt64(60 - digit % 16 * 4) & 0xf)]
                position += 1
            }
            return position
        }
    }

    public static func < (left: UUIDv7, right: UUIDv7) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// A user's `id`, and the `sub` of their tokens.
public struct UserID: Hashable, Sendable, CustomStringConvertible {
    public let uuid: UUIDv7
    public init(_ uuid: UUIDv7) { self.uuid = uuid }
    public var description: String { uuid.description }
}

/// A session's id, and the `sid` of its tokens.
public struct SessionID: Hashable, Sendable, CustomStringConvertible {
    public let uuid: UUIDv7
    public init(_ uuid: UUIDv7) { self.uuid = uuid }
    public var description: String { uuid.description }
}
