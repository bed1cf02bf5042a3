// Strings are most of what is read, and most of their bytes are plain: those are passed over many at a time.

/// Validates a string (RFC 8259 §7, RFC 3629) from its opening quote on.
func string(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) -> JSONValue {
    let start = index
    var isEscaped = false
    index += 1
    while true {
        skipPlain(text, &index)
        let byte = try next(text, &index)
        switch byte {
        case UInt8(ascii: "\""):
            index += 1
            return JSONValue(.string, start..<index, isEscaped: isEscaped)
        case UInt8(ascii: "\\"):
            isEscaped = true
            try escape(text, &index)
        case ..<0x20: throw JSONFault(.controlCharacter, at: index)
        case 0x80...: try multibyte(text, &index)
        default: index += 1
        }
    }
}

/// Passes over bytes while none of eight is a quote, a backslash, a control character or beyond ASCII.
@inline(__always)
private func skipPlain(_ text: Span<UInt8>, _ index: inout Int) {
    // In bounds: eight bytes are loaded where eight are left.
    let last = text.count - 8
    guard index <= last else { return }
    index = unsafe text.withUnsafeBytes { bytes in
        var index = index
        while index <= last {
            let marks = special(unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index &+= 8
        }
        return index
    }
}

/// The high bit of each byte that is not plain. A borrow may mark a byte too many, but only behind one that is marked rightly.
@inline(__always)
private func special(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    // With the bit of 2 turned over, the quote (0x22) comes to stand next to the control characters, and the blank does not.
    let quotesAndControls = (word ^ ones &* 0x02) &- ones &* 0x21
    let backslashes = (word ^ ones &* 0x5c) &- ones
    return (quotesAndControls | backslashes | word) & (ones &* 0x80)
}

/// From the backslash on.
private func escape(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) {
    let backslash = index
    index += 1
    switch try next(text, &index) {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
        UInt8(ascii: "r"), UInt8(ascii: "t"):
        index += 1
    case UInt8(ascii: "u"):
        let first = try codeUnit(text, &index, isOtherHalf: false, backslash)
        guard first & 0xfc00 == 0xd800 else { return }
        guard try next(text, &index) == UInt8(ascii: "\\") else { throw JSONFault(.loneSurrogate, at: backslash) }
        index += 1
        guard try next(text, &index) == UInt8(ascii: "u") else { throw JSONFault(.loneSurrogate, at: backslash) }
        _ = try codeUnit(text, &index, isOtherHalf: true, backslash)
    default: throw JSONFault(.invalidEscape, at: index)
    }
}

/// From the `u` on, four digits. A surrogate is found lone at the digit that leaves no other way: the second tells a low one.
private func codeUnit(_ text: Span<UInt8>, _ index: inout Int, isOtherHalf: Bool, _ backslash: Int) throws(JSONFault) -> UInt32 {
    var unit: UInt32 = 0
    index += 1
    for position in 0..<4 {
        guard let digit = hexadecimalDigit(try next(text, &index)) else { throw JSONFault(.invalidEscape, at: index) }
        unit = unit << 4 | UInt32(digit)
        switch position {
        case 0 where isOtherHalf && unit != 0xd, 1 where isOtherHalf != (unit & 0xfc == 0xdc):
            throw JSONFault(.loneSurrogate, at: backslash)
        default: index += 1
        }
    }
    return unit
}

/// One character beyond ASCII, as RFC 3629 §4 has it: no overlong form, no surrogate, nothing past U+10FFFF.
private func multibyte(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) {
    let second: ClosedRange<UInt8>
    let more: Int
    switch text[index] {
    case 0xc2...0xdf: (second, more) = (0x80...0xbf, 0)
    case 0xe0: (second, more) = (0xa0...0xbf, 1)
    case 0xe1...0xec, 0xee...0xef: (second, more) = (0x80...0xbf, 1)
    case 0xed: (second, more) = (0x80...0x9f, 1)
    case 0xf0: (second, more) = (0x90...0xbf, 2)
    case 0xf1...0xf3: (second, more) = (0x80...0xbf, 2)
    case 0xf4: (second, more) = (0x80...0x8f, 2)
    default: throw JSONFault(.invalidUTF8, at: index)
    }
    index += 1
    guard second.contains(try next(text, &index)) else { throw JSONFault(.invalidUTF8, at: index) }
    index += 1
    for _ in 0..<more {
        guard try next(text, &index) & 0xc0 == 0x80 else { throw JSONFault(.invalidUTF8, at: index) }
        index += 1
    }
}
