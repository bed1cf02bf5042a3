import CBase64URL

/// base64url without padding (RFC 7515 §2), canonical in both directions: a text that another one decodes alike is refused.
enum Base64URL {
    static func encodedLength(_ count: Int) -> Int { (count * 4 + 2) / 3 }

    static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
        // To add nothing to an array without storage, the standard library would write to the storage that all such arrays share.
        guard !bytes.isEmpty else { return }
        let length = encodedLength(bytes.count)
        text.append(addingCapacity: length) { output in
            unsafe output.withUnsafeMutableBufferPointer { target, written in
                unsafe bytes.withUnsafeBufferPointer { source in unsafe encode(source, to: target) }
                written = length
            }
        }
    }

    /// - Parameter text: room for all characters that there are.
    private static func encode(_ bytes: UnsafeBufferPointer<UInt8>, to text: UnsafeMutableBufferPointer<UInt8>) {
        unsafe encodeTable.withUnsafeBufferPointer { table in
            var from = unsafe usher_base64url_encode_blocks(bytes.baseAddress, bytes.count, text.baseAddress)
            var to = from / 3 * 4
            while bytes.count - from >= 3 {
                let group = unsafe Int(bytes[from]) << 16 | Int(bytes[from + 1]) << 8 | Int(bytes[from + 2])
                let four =
                    unsafe UInt32(table[group >> 18]) | UInt32(table[group >> 12 & 0x3f]) << 8
                    | UInt32(table[group >> 6 & 0x3f]) << 16 | UInt32(table[group & 0x3f]) << 24
                unsafe UnsafeMutableRawBufferPointer(text).storeBytes(of: four.littleEndian, toByteOffset: to, as: UInt32.self)
                from += 3
                to += 4
            }
            // The last group lacks bytes, and has a character less for each.
            let rest = bytes.count - from
            guard rest > 0 else { return }
            let group = unsafe Int(bytes[from]) << 16 | (rest > 1 ? Int(bytes[from + 1]) << 8 : 0)
            for character in 0...rest { unsafe text[to + character] = table[group >> (18 - 6 * character) & 0x3f] }
        }
    }

    /// Decodes `range` of `text` into the beginning of `bytes`, which is made longer if need be.
    /// - Returns: how many bytes there are; nil if the text is not canonical base64url.
    static func decode(_ text: Span<UInt8>, in range: Range<Int>, into bytes: inout [UInt8]) -> Int? {
        let rest = range.count % 4
        guard rest != 1 else { return nil }
        let count = range.count / 4 * 3 + (rest == 0 ? 0 : rest - 1)
        // One more, so that three bytes can be stored as a word.
        if bytes.count <= count { bytes.append(contentsOf: repeatElement(0, count: count + 1 - bytes.count)) }
        let isValid = unsafe text.extracting(range).withUnsafeBytes { text in
            unsafe bytes.withUnsafeMutableBytes { bytes in
                guard let source = text.baseAddress, let target = bytes.baseAddress else { return true }
                return unsafe decode(source, text.count, to: target)
            }
        }
        return isValid ? count : nil
    }

    /// - Parameters:
    ///   - count: of the characters at `text`.
    ///   - bytes: room for three bytes for each four characters, and one byte more.
    private static func decode(_ text: UnsafeRawPointer, _ count: Int, to bytes: UnsafeMutableRawPointer) -> Bool {
        unsafe decodeTable.withUnsafeBufferPointer { table in
            // A long text is done many characters at a time; what is left, the character included that is none, one group after another.
            let done = unsafe usher_base64url_decode_blocks(
                text.assumingMemoryBound(to: UInt8.self), count, bytes.assumingMemoryBound(to: UInt8.self))
            var (text, bytes, rest) = unsafe (text + done, bytes + done / 4 * 3, count - done)
            // A character that is none has the highest bit set in the table, wherever it stands in its group.
            var invalid: UInt32 = 0
            while rest >= 4 {
                let four = unsafe UInt32(littleEndian: text.loadUnaligned(as: UInt32.self))
                let group =
                    unsafe table[Int(four & 0xff)] | table[256 + Int(four >> 8 & 0xff)]
                    | table[512 + Int(four >> 16 & 0xff)] | table[768 + Int(four >> 24)]
                invalid |= group
                unsafe bytes.storeBytes(of: (group << 8).bigEndian, as: UInt32.self)
                unsafe text += 4
                unsafe bytes += 3
                rest -= 4
            }
            if rest > 0 {
                let characters = unsafe UnsafeRawBufferPointer(start: text, count: rest)
                var group = unsafe table[Int(characters[0])] | table[256 + Int(characters[1])]
                if rest == 3 { unsafe group |= table[512 + Int(characters[2])] }
                invalid |= group
                unsafe bytes.storeBytes(of: UInt8(truncatingIfNeeded: group >> 16), as: UInt8.self)
                if rest == 3 {
                    unsafe bytes.storeBytes(of: UInt8(truncatingIfNeeded: group >> 8), toByteOffset: 1, as: UInt8.self)
                }
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
