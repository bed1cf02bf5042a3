import Testing
import UsherTesting

@testable import UsherToken

@Suite struct Base64URLTests {
    static func decoded(_ text: [UInt8], in range: Range<Int>? = nil) -> [UInt8]? {
        var bytes: [UInt8] = []
        guard let count = Base64URL.decode(text.span, in: range ?? 0..<text.count, into: &bytes) else { return nil }
        return Array(bytes[..<count])
    }

    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// RFC 4648 §10, without padding.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of the standard`(_ bytes: String, _ text: String) {
        #expect(base64URL(Array(bytes.utf8)) == text)
        #expect(Self.decoded(Array(text.utf8)) == Array(bytes.utf8))
        #expect(Base64URL.encodedLength(bytes.utf8.count) == text.utf8.count)
    }

    /// RFC 7515 appendix C.
    @Test func `the example of JWS`() {
        #expect(base64URL([3, 236, 255, 224, 193]) == "A-z_4ME")
        #expect(Self.decoded(Array("A-z_4ME".utf8)) == [3, 236, 255, 224, 193])
    }

    @Test(arguments: [
        "Z", "Zm9vY", "Zg==", "Zm8=", "Zm9vYg==", "Zg=", "=", "====", "Zm9+", "Zm9/", "+/+/", "Zm 9", "Zm9v\n", " Zm9v", "Zm9v ",
        "Zm\09v", "Zm.9",
        "Zm9é", "Zm9v\r\n", "Zh", "Zi", "Zo", "Zx", "Zm9vYh", "Zm9", "Zm-", "Zm_", "Zm9vYmF", "Zm9vYmG", "*m9v", "Z*9v", "Zm*v",
        "Zm9*",
    ])
    func `what is not canonical is refused`(_ text: String) {
        #expect(Self.decoded(Array(text.utf8)) == nil)
    }

    @Test func `every byte in every place of a group is judged`() {
        // The last ones are long enough to be decoded many characters at a time.
        for count in [4, 3, 2, 8, 7, 6, 32, 64, 70] {
            let group = String(repeating: "A", count: count)
            for place in 0..<group.utf8.count {
                for byte in UInt8.min...UInt8.max {
                    var text = Array(group.utf8)
                    text[place] = byte
                    let value = Self.alphabet.firstIndex(of: byte)
                    // Of the last character of a short group some bits are left over.
                    let left = place == text.count - 1 ? [0, 0, 0b1111, 0b11][text.count % 4] : 0
                    let isCanonical = value.map { $0 & left == 0 } ?? false
                    let bytes = Self.decoded(text)
                    if (bytes != nil) != isCanonical { Issue.record("\(byte) at \(place) of \(group)") }
                    if let bytes, base64URL(bytes) != String(decoding: text, as: UTF8.self) {
                        Issue.record("\(text) does not go round")
                    }
                }
            }
        }
    }

    @Test func `bytes of each length go round`() {
        let random = SeededRandom()
        for count in 0...200 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.word()) }
            let text = Array(base64URL(bytes).utf8)
            #expect(text.count == Base64URL.encodedLength(count))
            #expect(text.allSatisfy(Self.alphabet.contains))
            // Nothing short is encoded many bytes at a time.
            let groups = stride(from: 0, to: count, by: 3).map { base64URL(Array(bytes[$0..<min($0 + 3, count)])) }
            #expect(text == Array(groups.joined().utf8))
            #expect(Self.decoded(text) == bytes)
            #expect(Self.decoded(Array("!!".utf8) + text + Array("==".utf8), in: 2..<2 + text.count) == bytes)
        }
    }

    @Test func `a buffer with something in it is used again`() {
        var bytes = [UInt8](repeating: 0xee, count: 5)
        for (text, expected) in [("Zm9vYmFy", "foobar"), ("Zg", "f"), ("Zm9v", "foo"), ("", "")] {
            let text = Array(text.utf8)
            let count = Base64URL.decode(text.span, in: 0..<text.count, into: &bytes)
            #expect(count == expected.utf8.count)
            #expect(Array(bytes.prefix(count ?? 0)) == Array(expected.utf8))
        }
    }
}
