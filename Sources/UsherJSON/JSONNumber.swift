/// RFC 8259 §6, from the first byte on.
/// - Returns: where the number ends.
func number(_ text: Span<UInt8>, at start: Int) throws(JSONFault) -> Int {
    var index = text[start] == UInt8(ascii: "-") ? start + 1 : start
    if try next(text, index) == UInt8(ascii: "0") { index += 1 } else { index = try digits(text, from: index) }
    if index < text.count, text[index] == UInt8(ascii: ".") { index = try digits(text, from: index + 1) }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
        index += 1
        let sign = try next(text, index)
        if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
        index = try digits(text, from: index)
    }
    return index
}

/// One digit or more.
/// - Returns: where they end.
private func digits(_ text: Span<UInt8>, from start: Int) throws(JSONFault) -> Int {
    guard isDigit(try next(text, start)) else { throw JSONFault(.unexpectedByte, at: start) }
    var index = start + 1
    while let word = text.word(at: index) {
        let marks = notDigits(word)
        if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
        index += 8
    }
    while index < text.count, isDigit(text[index]) { index += 1 }
    return index
}

@inline(__always)
private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

/// The high bit of each byte that is no digit. A carry may mark a byte too many, but only behind one that is marked rightly.
@inline(__always)
private func notDigits(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let values = word ^ ones &* UInt64(UInt8(ascii: "0"))
    return (values | (values &+ ones &* (0x80 - 10))) & (ones &* 0x80)
}

/// The number that eight digits make; nil if they are not all digits.
@inline(__always)
func eightDigits(_ word: UInt64) -> Int64? {
    guard notDigits(word) == 0 else { return nil }
    // The first digit is the lowest byte: each step makes numbers of twice as many digits of two neighbours.
    let ones = word & 0x0f0f_0f0f_0f0f_0f0f
    let pairs = (ones &* 10 &+ ones >> 8) & 0x00ff_00ff_00ff_00ff
    let fours = (pairs &* 100 &+ pairs >> 16) & 0x0000_ffff_0000_ffff
    return Int64((fours &* 10_000 &+ fours >> 32) & 0xffff_ffff)
}
