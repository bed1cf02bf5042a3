// Strings are most of what is read, and most of their bytes are plain: those are passed over many at a time.

/// Validates a string (RFC 8259 §7, RFC 3629) from its opening quote on.
@inline(__always)
func string(_ text: Span<UInt8>, at start: Int) throws(JSONFault) -> JSONValue {
    let end = endOfPlain(text, from: start + 1)
    if end < text.count, text[end] == UInt8(ascii: "\"") { return JSONValue(.string, from: start, to: end + 1) }
    return try string(text, at: start, plainUpTo: end)
}

/// Validates the name of a member from its opening quote on.
@inline(__always)
func name(_ text: Span<UInt8>, at start: Int) throws(JSONFault) -> (JSONValue, JSONKey) {
    if let word = text.word(at: start + 1) {
        // Most names end within the first word, which makes their key.
        let end = start + 1 + special(word).trailingZeroBitCount / 8
        if end < text.count, text[end] == UInt8(ascii: "\""), end - start - 1 <= JSONKey.room {
            return (JSONValue(.string, from: start, to: end + 1), JSONKey(beginning: word, length: end - start - 1))
        }
    }
    let name = try string(text, at: start)
    return (name, name.isEscaped ? JSONKey(unescaping: name, in: text) : JSONKey(text, name.content))
}

private func string(_ text: Span<UInt8>, at start: Int, plainUpTo end: Int) throws(JSONFault) -> JSONValue {
    var index = end
    var isEscaped = false
    while true {
        switch try next(text, index) {
        case UInt8(ascii: "\""): return JSONValue(.string, from: start, to: index + 1, isEscaped: isEscaped)
        case UInt8(ascii: "\\"):
            isEscaped = true
            try escape(text, &index)
        case ..<0x20: throw JSONFault(.controlCharacter, at: index)
        case 0x80...: try multibyte(text, &index)
        default: index += 1
        }
        index = endOfPlain(text, from: index)
    }
}

/// Passes over bytes up to a quote, a backslash, a control character, one beyond ASCII, or the end. (In a text of less than eight bytes
/// it may stop before.)
@inline(__always)
private func endOfPlain(_ text: Span<UInt8>, from start: Int) -> Int {
    var index = start
    guard let first = text.word(at: index) else { return endOfPlainInLastWord(text, from: index) }
    let marks = special(first)
    if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
    index += 8
    while let words = fourWords(text, at: index), !hasSpecial(words) { index += 32 }
    while let word = text.word(at: index) {
        let marks = special(word)
        if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
        index += 8
    }
    return endOfPlainInLastWord(text, from: index)
}

/// The same where less than eight bytes are left: the last word of the text, without what comes before them. The zeros that take their
/// place at its end are marked, as control characters.
private func endOfPlainInLastWord(_ text: Span<UInt8>, from index: Int) -> Int {
    let rest = text.count - index
    guard rest > 0, let last = text.word(at: text.count - 8) else { return index }
    return index + special(last >> UInt64(8 * (8 - rest))).trailingZeroBitCount / 8
}

/// Four words; nil where there are less bytes.
@inline(__always)
private func fourWords(_ text: Span<UInt8>, at index: Int) -> SIMD4<UInt64>? {
    guard index >= 0, index <= text.count - 32 else { return nil }
    // In bounds, by the line above.
    return unsafe text.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: SIMD4<UInt64>.self)
}

private let ones: UInt64 = 0x0101_0101_0101_0101

/// The high bit of each byte that is not plain. A borrow may mark a byte too many, but only behind one that is marked rightly.
@inline(__always)
private func special(_ word: UInt64) -> UInt64 {
    // With the bit of 2 turned over, the quote (0x22) comes to stand next to the control characters, and the blank does not.
    let quotesAndControls = (word ^ ones &* 0x02) &- ones &* 0x21
    let backslashes = (word ^ ones &* 0x5c) &- ones
    return (quotesAndControls | backslashes | word) & (ones &* 0x80)
}

/// Whether a writer has to look at the bytes of the word one by one: some may need an escape, DEL among them.
@inline(__always)
func mayHaveEscaped(_ word: UInt64) -> Bool { (special(word) | (word &+ ones)) & (ones &* 0x80) != 0 }

/// Whether any of four words has a byte that is not plain.
@inline(__always)
private func hasSpecial(_ words: SIMD4<UInt64>) -> Bool {
    let quotesAndControls = (words ^ SIMD4(repeating: ones &* 0x02)) &- SIMD4(repeating: ones &* 0x21)
    let backslashes = (words ^ SIMD4(repeating: ones &* 0x5c)) &- SIMD4(repeating: ones)
    let marks = quotesAndControls | backslashes | words
    return (marks[0] | marks[1] | marks[2] | marks[3]) & (ones &* 0x80) != 0
}

/// From the backslash on.
private func escape(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) {
    let backslash = index
    index += 1
    switch try next(text, index) {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
        UInt8(ascii: "r"), UInt8(ascii: "t"):
        index += 1
    case UInt8(ascii: "u"):
        let first = try codeUnit(text, &index, isOtherHalf: false, backslash)
        guard first & 0xfc00 == 0xd800 else { return }
        guard try next(text, index) == UInt8(ascii: "\\") else { throw JSONFault(.loneSurrogate, at: backslash) }
        index += 1
        guard try next(text, index) == UInt8(ascii: "u") else { throw JSONFault(.loneSurrogate, at: backslash) }
        _ = try codeUnit(text, &index, isOtherHalf: true, backslash)
    default: throw JSONFault(.invalidEscape, at: index)
    }
}

/// From the `u` on, four digits. A surrogate is found lone at the digit that leaves no other way: the second tells a low one.
private func codeUnit(_ text: Span<UInt8>, _ index: inout Int, isOtherHalf: Bool, _ backslash: Int) throws(JSONFault) -> UInt32 {
    var unit: UInt32 = 0
    index += 1
    for position in 0..<4 {
        guard let digit = hexadecimalDigit(try next(text, index)) else { throw JSONFault(.invalidEscape, at: index) }
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
    guard second.contains(try next(text, index)) else { throw JSONFault(.invalidUTF8, at: index) }
    index += 1
    for _ in 0..<more {
        guard try next(text, index) & 0xc0 == 0x80 else { throw JSONFault(.invalidUTF8, at: index) }
        index += 1
    }
}
