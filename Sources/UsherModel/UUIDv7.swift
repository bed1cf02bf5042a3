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
        guard text.count == 36, text[8] == hyphen, text[13] == hyphen, text[18] == hyphen, text[23] == hyphen else { return nil }
        // Verifying a token reads up to three: eight digits are read at once, and 32 are four times eight.
        guard let first = number(ofDigits: text.word(at: 0)),
            let second = number(ofDigits: text.halfWord(at: 9) | text.halfWord(at: 14) << 32),
            let third = number(ofDigits: text.halfWord(at: 19) | text.halfWord(at: 24) << 32),
            let fourth = number(ofDigits: text.word(at: 28))
        else { return nil }
        self.init(high: first << 32 | second, low: third << 32 | fourth)
    }

    public init?(parsing text: String) { self.init(parsing: text.utf8.span) }

    /// Whether its version and its variant are those of RFC 9562 §5.7.
    public var isVersion7: Bool { high >> 12 & 0xf == 7 && low >> 62 == 2 }

    public var description: String {
        unsafe String(unsafeUninitializedCapacity: 36) { buffer in
            unsafe write(to: UnsafeMutableRawBufferPointer(buffer))
            return 36
        }
    }

    /// Its canonical form, 36 characters of ASCII, for the duration of `body`.
    public func withText(_ body: (Span<UInt8>) -> Void) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
            unsafe write(to: UnsafeMutableRawBufferPointer(buffer))
            body(unsafe UnsafeBufferPointer(buffer).span)
        }
    }

    private func write(to text: UnsafeMutableRawBufferPointer) {
        func put<Digits: FixedWidthInteger>(_ digits: Digits, at offset: Int) {
            unsafe text.storeBytes(of: digits.littleEndian, toByteOffset: offset, as: Digits.self)
        }
        let (second, third) = (digits(of: high & 0xffff_ffff), digits(of: low >> 32))
        put(digits(of: high >> 32), at: 0)
        put(UInt32(truncatingIfNeeded: second), at: 9)
        put(UInt32(truncatingIfNeeded: second >> 32), at: 14)
        put(UInt32(truncatingIfNeeded: third), at: 19)
        put(UInt32(truncatingIfNeeded: third >> 32), at: 24)
        put(digits(of: low & 0xffff_ffff), at: 28)
        for position in [8, 13, 18, 23] { unsafe text[position] = hyphen }
    }

    public static func < (left: UUIDv7, right: UUIDv7) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

private let hyphen = UInt8(ascii: "-")
private let ones: UInt64 = 0x0101_0101_0101_0101

/// The number that eight hexadecimal digits make, the first one in the lowest byte; nil where one of them is none, or a capital.
@inline(__always)
private func number(ofDigits word: UInt64) -> UInt64? {
    // Of digits bytes are 0x30 to 0x39, of letters 0x61 to 0x66.
    let letters = word >> 6 & ones
    let values = word & (ones &* 0x0f) &+ letters &* 9
    let hasHighHalves = word & (ones &* 0xf0) == ones &* 0x30 &+ letters &* 0x30
    let areInRange = values & (ones &* 0xf0) == 0 && (values &+ ones &* 6) >> 4 & ones == letters
    guard hasHighHalves, areInRange else { return nil }
    var number = values.byteSwapped
    number = (number | number >> 4) & 0x00ff_00ff_00ff_00ff
    number = (number | number >> 8) & 0x0000_ffff_0000_ffff
    return (number | number >> 16) & 0xffff_ffff
}

/// The eight hexadecimal digits of a number of 32 bits, the first one in the lowest byte: what `number(ofDigits:)` reads.
@inline(__always)
private func digits(of number: UInt64) -> UInt64 {
    var values = (number | number << 16) & 0x0000_ffff_0000_ffff
    values = (values | values << 8) & 0x00ff_00ff_00ff_00ff
    values = (values | values << 4) & (ones &* 0x0f)
    let letters = (values &+ ones &* 6) >> 4 & ones
    return (values &+ ones &* 0x30 &+ letters &* 0x27).byteSwapped
}

extension Span<UInt8> {
    /// Eight bytes, the first one lowest; they must be there.
    @inline(__always)
    fileprivate func word(at offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The same for four.
    @inline(__always)
    fileprivate func halfWord(at offset: Int) -> UInt64 {
        UInt64(UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
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
