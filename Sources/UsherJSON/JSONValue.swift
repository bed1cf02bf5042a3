/// Where a value stands in a text that JSONReader has validated. All methods take that same text.
public struct JSONValue: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        case null, `true`, `false`, number, string, array, object
    }

    public let kind: Kind
    /// Whether this string has escapes, so that its bytes are not its meaning.
    public let isEscaped: Bool
    let start: Int32
    let end: Int32

    init(_ kind: Kind, from start: Int, to end: Int, isEscaped: Bool = false) {
        self.kind = kind
        self.isEscaped = isEscaped
        self.start = Int32(truncatingIfNeeded: start)
        self.end = Int32(truncatingIfNeeded: end)
    }

    /// A text that is an array and nothing else, validated before.
    public init(array text: Span<UInt8>) { self.init(.array, from: 0, to: text.count) }

    /// Where it ends.
    var endOffset: Int { Int(end) }
    /// The value's own bytes, quotes included.
    public var range: Range<Int> { Int(start)..<Int(end) }
    /// A string's bytes between the quotes.
    public var content: Range<Int> { Int(start) + 1..<Int(end) - 1 }

    /// A string's meaning; nil for other kinds.
    public func string(in text: Span<UInt8>) -> String? {
        guard kind == .string else { return nil }
        return String(decoding: bytes(in: text), as: UTF8.self)
    }

    /// A string's meaning in UTF-8; only of a string.
    public func bytes(in text: Span<UInt8>) -> [UInt8] {
        let content = content
        if content.isEmpty { return [] }
        return unsafe Array(unsafeUninitializedCapacity: content.count) { buffer, count in
            count = unsafe unescape(in: text, to: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// A string's meaning in UTF-8, for the duration of `body`; only of a string. Nothing is copied where it has no escapes.
    public func withBytes<R: ~Copyable, E: Error>(in text: Span<UInt8>, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        isEscaped ? try body(bytes(in: text).span) : try body(text.extracting(content))
    }

    /// Writes a string's meaning, at most `content.count` bytes, and returns how many: for what must not pass through an Array.
    public func unescape(in text: Span<UInt8>, to target: UnsafeMutableRawBufferPointer) -> Int {
        if !isEscaped {
            unsafe text.extracting(content).withUnsafeBytes { unsafe target.copyMemory(from: $0) }
            return content.count
        }
        var written = 0
        func put(_ byte: UInt8) {
            unsafe target[written] = byte
            written += 1
        }
        var index = content.lowerBound
        while index < content.upperBound {
            guard text[index] == UInt8(ascii: "\\") else {
                put(text[index])
                index += 1
                continue
            }
            let escape = text[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): put(0x08)
            case UInt8(ascii: "f"): put(0x0c)
            case UInt8(ascii: "n"): put(0x0a)
            case UInt8(ascii: "r"): put(0x0d)
            case UInt8(ascii: "t"): put(0x09)
            case UInt8(ascii: "u"):
                var scalar = hexadecimal(in: text, at: index)
                index += 4
                if scalar & 0xfc00 == 0xd800 {
                    // Validated: the other half follows, behind `\u`.
                    scalar = 0x10000 + (scalar & 0x3ff) << 10 + hexadecimal(in: text, at: index + 2) & 0x3ff
                    index += 6
                }
                switch scalar {
                case ..<0x80: put(UInt8(scalar))
                case ..<0x800:
                    put(UInt8(0xc0 | scalar >> 6))
                    put(UInt8(0x80 | scalar & 0x3f))
                case ..<0x10000:
                    put(UInt8(0xe0 | scalar >> 12))
                    put(UInt8(0x80 | scalar >> 6 & 0x3f))
                    put(UInt8(0x80 | scalar & 0x3f))
                default:
                    put(UInt8(0xf0 | scalar >> 18))
                    put(UInt8(0x80 | scalar >> 12 & 0x3f))
                    put(UInt8(0x80 | scalar >> 6 & 0x3f))
                    put(UInt8(0x80 | scalar & 0x3f))
                }
            default: put(escape)
            }
        }
        return written
    }

    /// Whether this string means exactly `other`, which has no escapes.
    public func equals(_ other: StaticString, in text: Span<UInt8>) -> Bool {
        guard kind == .string else { return false }
        let other = unsafe UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount)
        if isEscaped { return unsafe bytes(in: text).elementsEqual(other) }
        return unsafe text.extracting(content).isSame(as: other.span)
    }

    /// A number without fraction or exponent that fits; nil for all else.
    public func integer(in text: Span<UInt8>) -> Int64? {
        guard kind == .number else { return nil }
        var magnitude: UInt64 = 0
        var index = Int(start)
        let isNegative = text[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        // Up to 18 digits nothing can overflow.
        if Int(end) - index <= 18 {
            var small: Int64 = 0
            if Int(end) - index >= 8, let word = text.word(at: index), let beginning = eightDigits(word) {
                small = beginning
                index += 8
            }
            while index < Int(end) {
                let digit = text[index] &- UInt8(ascii: "0")
                guard digit <= 9 else { return nil }
                small = small &* 10 &+ Int64(digit)
                index += 1
            }
            return isNegative ? -small : small
        }
        while index < Int(end) {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (shifted, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            magnitude = sum
            index += 1
        }
        if isNegative { return magnitude <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
        return Int64(exactly: magnitude)
    }

    /// A number, rounded to the nearest double; infinite where it is past all of them. Nil for other kinds.
    public func double(in text: Span<UInt8>) -> Double? {
        guard kind == .number else { return nil }
        // Up to 15 digits an integer is exact as a double.
        if range.count <= 15, let integer = integer(in: text) { return Double(integer) }
        var digits = ""
        for index in range { digits.unicodeScalars.append(Unicode.Scalar(text[index])) }
        return Double(digits)
    }
}

/// A member of an object.
public struct JSONMember: Equatable, Sendable {
    /// Of kind string.
    public let name: JSONValue
    public let value: JSONValue
    /// For telling names apart quickly.
    public let key: JSONKey

    /// Whether the member's name means exactly `other`, which has no escapes and whose key is `otherKey`.
    func isNamed(_ other: StaticString, _ otherKey: JSONKey, in text: Span<UInt8>) -> Bool {
        key == otherKey && (key.isWholeName || name.equals(other, in: text))
    }
}

/// A name's length, as far as a byte tells it, and its first seven bytes in one word, escapes resolved: different keys mean different names,
/// and of names of up to seven bytes the same key means the same name.
public struct JSONKey: Equatable, Sendable {
    @usableFromInline let word: UInt64

    /// The most bytes of a name that its key holds.
    @usableFromInline static var room: Int { 7 }

    /// Of a name that has no escapes.
    @inlinable @inline(__always)
    public init(_ name: StaticString) {
        var word = UInt64(min(name.utf8CodeUnitCount, Self.longest)) << 56
        for index in 0..<min(name.utf8CodeUnitCount, Self.room) {
            unsafe word |= UInt64(name.utf8Start[index]) << UInt64(8 * index)
        }
        self.word = word
    }

    /// What stands for all longer names, too.
    @usableFromInline static var longest: Int { 0xff }

    /// Of a name that has escapes.
    init(unescaping name: JSONValue, in text: Span<UInt8>) {
        let bytes = name.bytes(in: text)
        self.init(bytes.span, 0..<bytes.count)
    }

    /// Of a name that has none, between its quotes.
    init(_ text: Span<UInt8>, _ name: Range<Int>) {
        if let beginning = text.word(at: name.lowerBound) {
            self.init(beginning: beginning, length: name.count)
        } else {
            var beginning: UInt64 = 0
            for index in 0..<min(name.count, Self.room) {
                beginning |= UInt64(text[name.lowerBound + index]) << UInt64(8 * index)
            }
            self.init(beginning: beginning, length: name.count)
        }
    }

    /// - Parameter beginning: the name's first bytes, the first one lowest, and whatever follows them.
    @inline(__always)
    init(beginning: UInt64, length: Int) {
        let mask: UInt64 = 1 &<< UInt64(truncatingIfNeeded: 8 &* min(length, Self.room)) &- 1
        word = beginning & mask | UInt64(truncatingIfNeeded: min(length, Self.longest)) &<< 56
    }

    /// One bit of 64, by the key.
    var mark: UInt64 { 1 << ((word &* 0x9e37_79b9_7f4a_7c15) >> 58) }

    /// Whether it holds all of its name.
    public var isWholeName: Bool { word >> 56 <= UInt64(Self.room) }
}

/// The number that four hexadecimal digits, validated, make.
private func hexadecimal(in text: Span<UInt8>, at offset: Int) -> UInt32 {
    var number: UInt32 = 0
    for index in offset..<offset + 4 { number = number << 4 | UInt32(hexadecimalDigit(text[index]) ?? 0) }
    return number
}

func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
