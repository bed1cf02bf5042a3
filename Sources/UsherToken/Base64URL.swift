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
        let isValid = unsafe text.withUnsafeBufferPointer { text in
            unsafe bytes.withUnsafeMutableBufferPointer { bytes in
                // In bounds: `range` is within the text, and three bytes are written for each four characters of it.
                unsafe decode(UnsafeBufferPointer(rebasing: text[range]), into: bytes)
            }
        }
        return isValid ? count : nil
    }

    private static func decode(_ text: UnsafeBufferPointer<UInt8>, into bytes: UnsafeMutableBufferPointer<UInt8>) -> Bool {
        unsafe decodeTable.withUnsafeBufferPointer { table in
            var source = 0
            var target = 0
            // A character that is none has the highest bit set in the table, wherever it stands in its group.
            var invalid: UInt32 = 0
            while source + 4 <= text.count {
                let group =
                    unsafe table[Int(text[source])] | table[256 + Int(text[source + 1])]
                    | table[512 + Int(text[source + 2])] | table[768 + Int(text[source + 3])]
                invalid |= group
                unsafe bytes[target] = UInt8(truncatingIfNeeded: group >> 16)
                unsafe bytes[target + 1] = UInt8(truncatingIfNeeded: group >> 8)
                unsafe bytes[target + 2] = UInt8(truncatingIfNeeded: group)
                source += 4
                target += 3
            }
            let rest = text.count - source
            if rest > 0 {
                var group = unsafe table[Int(text[source])] | table[256 + Int(text[source + 1])]
                if rest == 3 { unsafe group |= table[512 + Int(text[source + 2])] }
                invalid |= group
                unsafe bytes[target] = UInt8(truncatingIfNeeded: group >> 16)
                if rest == 3 { unsafe bytes[target + 1] = UInt8(truncatingIfNeeded: group >> 8) }
                // The bits that are left over must be zero.
                if group & (rest == 3 ? 0xff : 0xffff) != 0 { return false }
            }
            return invalid >> 31 == 0
        }
    }
}

private let encodeTable = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

/// What a character stands for, shifted to where it stands in a group of four: a table of 256 for each place.
private let decodeTable: [UInt32] = {
    var table = [UInt32](repeating: 1 << 31, count: 4 * 256)
    for place in 0..<4 {
        for (value, character) in encodeTable.enumerated() {
            table[place * 256 + Int(character)] = UInt32(value) << UInt32(18 - 6 * place)
        }
    }
    return table
}()
