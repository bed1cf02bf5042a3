/// Base32 without padding (RFC 4648 §6): what people can read to each other and type.
enum Base32 {
    /// - Parameter letters: the 32 of the alphabet, in order.
    static func append(_ bytes: Span<UInt8>, letters: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", to text: inout [UInt8]) {
        var bits: UInt32 = 0
        var pending = 0
        func letter(_ index: UInt32) -> UInt8 { unsafe letters.utf8Start[Int(index & 0x1f)] }
        for index in bytes.indices {
            bits = bits << 8 | UInt32(bytes[index])
            pending += 8
            while pending >= 5 {
                pending -= 5
                text.append(letter(bits >> UInt32(pending)))
            }
        }
        if pending > 0 { text.append(letter(bits << UInt32(5 - pending))) }
    }
}
