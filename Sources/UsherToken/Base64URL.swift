/// base64url without padding (RFC 7515 §2), canonical in both directions: a text that another one decodes alike is refused.
enum Base64URL {
    static func encodedLength(_ count: Int) -> Int { (count * 4 + 2) / 3 }

    static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
        text.reserveCapacity(text.count + encodedLength(bytes.count))
        var bits: UInt32 = 0
        var pending = 0
        for index in bytes.indices {
            bits = bits << 8 | UInt32(bytes[index])
            pending += 8
            while pending >= 6 {
                pending -= 6
                text.append(encodeTable[Int(bits >> UInt32(pending) & 0x3f)])
            }
        }
        if pending > 0 { text.append(encodeTable[Int(bits << UInt32(6 - pending) & 0x3f)]) }
    }

    /// Decodes `range` of `text` into the beginning of `bytes`, which is made longer if need be.
    /// - Returns: how many bytes there are; nil if the text is not canonical base64url.
    static func decode(_ text: Span<UInt8>, in range: Range<Int>, into bytes: inout [UInt8]) -> Int? {
        let rest = range.count % 4
        guard rest != 1 else { return nil }
        let count = range.count / 4 * 3 + (rest == 0 ? 0 : rest - 1)
        if bytes.count < count { bytes.append(contentsOf: repeatElement(0, count: count - bytes.count)) }
        var output = bytes.mutableSpan
        return decodeTable.withSpan { table in
            var source = range.lowerBound
            var target = 0
            // A character that is none has all bits set in the table, and shows in the high bits of what is gathered.
            var invalid: UInt32 = 0
            while source + 4 <= range.upperBound {
                let a = UInt32(table[Int(text[source])])
                let b = UInt32(table[Int(text[source + 1])])
                let c = UInt32(table[Int(text[source + 2])])
                let d = UInt32(table[Int(text[source + 3])])
                invalid |= a | b | c | d
                let group = a << 18 | b << 12 | c << 6 | d
                output[target] = UInt8(truncatingIfNeeded: group >> 16)
                output[target + 1] = UInt8(truncatingIfNeeded: group >> 8)
                output[target + 2] = UInt8(truncatingIfNeeded: group)
                source += 4
                target += 3
            }
            if rest > 0 {
                let a = UInt32(table[Int(text[source])])
                let b = UInt32(table[Int(text[source + 1])])
                let c = rest == 3 ? UInt32(table[Int(text[source + 2])]) : 0
                invalid |= a | b | c
                let group = a << 18 | b << 12 | c << 6
                output[target] = UInt8(truncatingIfNeeded: group >> 16)
                if rest == 3 { output[target + 1] = UInt8(truncatingIfNeeded: group >> 8) }
                // The bits that are left over must be zero.
                if group & (rest == 3 ? 0xff : 0xffff) != 0 { return nil }
            }
            return invalid & 0x80 == 0 ? count : nil
        }
    }
}

extension [UInt8] {
    fileprivate func withSpan<R>(_ body: (Span<UInt8>) -> R) -> R { body(span) }
}

private let encodeTable = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

private let decodeTable: [UInt8] = {
    var table = [UInt8](repeating: 0xff, count: 256)
    for (value, character) in encodeTable.enumerated() { table[Int(character)] = UInt8(value) }
    return table
}()
