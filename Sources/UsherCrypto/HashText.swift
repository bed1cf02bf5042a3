/// Why the text of a hash is not one that can be verified, as a sentence that holds nothing of it.
struct HashFault: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// What hashes are written with.
enum HashText {
    /// A decimal number without leading zeros.
    static func number(_ digits: some StringProtocol) -> Int? {
        guard let number = Int(digits), String(number) == digits else { return nil }
        return number
    }

    /// Bytes in base64 (RFC 4648 §4). Only what encoding these bytes gives is accepted, so each hash has one text.
    /// - Parameter isPadded: whether `=` fills up the last group.
    static func base64(_ text: some StringProtocol, isPadded: Bool) -> [UInt8]? {
        var text = Substring(text)
        if isPadded {
            guard text.utf8.count.isMultiple(of: 4) else { return nil }
            for _ in 0..<2 where text.last == "=" { text.removeLast() }
        }
        guard text.utf8.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var (bits, count) = (0, 0)
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= 1 << count - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    static func base64(_ bytes: [UInt8], isPadded: Bool) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0...group.count { text.append(alphabet[bits >> (18 - 6 * index) & 63]) }
            if isPadded { text += Array(repeating: UInt8(ascii: "="), count: 3 - group.count) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Random bytes, for what is to look like a hash.
    static func random(count: Int) -> [UInt8] {
        let source = OpenSSLRandom()
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: source.word()) }
    }
}
