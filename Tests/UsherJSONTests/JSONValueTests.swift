import Testing

@testable import UsherJSON

@Suite struct JSONValueTests {
    /// The value of `v` in `{"v":…}`.
    static func read<R>(_ json: String, _ body: (JSONValue, [UInt8]) throws -> R) throws -> R {
        let text = Array("{\"v\":\(json)}".utf8)
        var reader = JSONReader(nesting: 32)
        try reader.read(text)
        let found = reader.anyValue("v", in: text)
        return try body(try #require(found), text)
    }

    @Test(arguments: [
        (#""""#, ""), (#""a""#, "a"), (#""\" \\ \/ \b \f \n \r \t""#, "\" \\ / \u{8} \u{c} \n \r \t"), (#""\u0000""#, "\0"),
        (#""\u0041\u007f""#, "A\u{7f}"),
        (#""\u0080\u07ff""#, "\u{80}\u{7ff}"), (#""\u0800\uffff""#, "\u{800}\u{ffff}"), (#""\ud800\udc00""#, "\u{10000}"),
        (#""\uDBFF\uDFFF""#, "\u{10ffff}"),
        (#""\uD83D\uDE00!""#, "😀!"), (#""\\u0041""#, "\\u0041"), (#""é\u00E9é""#, "ééé"), (#""\u00e9""#, "é"),
        (#""e\u0301""#, "e\u{301}"),
        (#""a\ud7ff\ue000""#, "a\u{d7ff}\u{e000}"),
    ])
    func `a string's meaning`(_ json: String, _ meaning: String) throws {
        try Self.read(json) { value, text in
            #expect(value.kind == .string)
            #expect(value.isEscaped == json.contains("\\"))
            #expect(value.bytes(in: text) == Array(meaning.utf8))
            #expect(value.string(in: text).map { Array($0.utf8) } == Array(meaning.utf8))
            let room = UnsafeMutableRawBufferPointer.allocate(byteCount: value.content.count, alignment: 1)
            defer { unsafe room.deallocate() }
            let count = unsafe value.unescape(in: text.span, to: room)
            #expect(unsafe Array(room.prefix(count)) == Array(meaning.utf8))
        }
    }

    @Test func `each character goes round through its escapes`() throws {
        for scalar in (0..<0x11_0000 as Range<UInt32>).lazy.filter({ $0 < 0x3000 || $0 % 251 == 0 || $0 > 0x10_ff00 }) {
            guard let character = Unicode.Scalar(scalar) else { continue }
            let escapes = UTF16.encode(character)!.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
            let meaning = try Self.read("\"\(escapes)\"") { $0.bytes(in: $1) }
            if meaning != Array(String(character).utf8) { Issue.record("U+\(String(scalar, radix: 16))") }
        }
    }

    @Test(arguments: [
        (#""exp""#, true), (#""\u0065xp""#, true), (#""\u0065\u0078\u0070""#, true), (#""Exp""#, false), (#""exp ""#, false),
        (#""ex""#, false),
        (#""""#, false), (#""expp""#, false), (#""exp\u0000""#, false), (#""\u0045xp""#, false), ("1", false), ("null", false),
        ("[\"exp\"]", false),
    ])
    func `equality with a name`(_ json: String, _ isEqual: Bool) throws {
        #expect(try Self.read(json) { $0.equals("exp", in: $1) } == isEqual)
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("123456789012345", 123_456_789_012_345),
            ("9223372036854775807", Int64.max),
            ("-9223372036854775808", Int64.min), ("-9223372036854775807", -Int64.max), ("9223372036854775808", nil),
            ("-9223372036854775809", nil),
            ("18446744073709551615", nil), ("18446744073709551616", nil), ("-18446744073709551616", nil),
            ("99999999999999999999999", nil), ("1.0", nil),
            ("1e2", nil), ("1E0", nil), ("-0.0", nil), ("\"1\"", nil), ("null", nil), ("[1]", nil), ("true", nil),
        ] as [(String, Int64?)])
    func integers(_ json: String, _ number: Int64?) throws {
        #expect(try Self.read(json) { $0.integer(in: $1) } == number)
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("-0.0", 0), ("1", 1), ("1.5", 1.5), ("-2.5e-1", -0.25), ("1E2", 100),
            ("9007199254740992", 0x1p53), ("9007199254740993", 0x1p53),
            ("999999999999999", 999_999_999_999_999), ("-99999999999999", -99_999_999_999_999), ("1000000000000000", 1e15),
            ("1e400", .infinity),
            ("-1e400", -.infinity), ("1e-400", 0), ("0.1", 0.1), ("1.7976931348623157e308", .greatestFiniteMagnitude),
            ("\"1\"", nil), ("null", nil), ("{}", nil),
        ] as [(String, Double?)])
    func doubles(_ json: String, _ number: Double?) throws {
        #expect(try Self.read(json) { $0.double(in: $1) } == number)
    }

    @Test func `a number of a whole line's digits is read`() throws {
        let digits = String(repeating: "7", count: 60_000)
        #expect(try Self.read(digits) { $0.double(in: $1) } == .infinity)
        #expect(try Self.read(digits) { $0.integer(in: $1) } == nil)
        #expect(try Self.read("0." + digits) { $0.double(in: $1) } == 7.0 / 9)
        #expect(try Self.read(digits + "e-60000") { $0.double(in: $1) } == 7.0 / 9)
        #expect(try Self.read("1e" + digits) { $0.double(in: $1) } == .infinity)
        #expect(try Self.read("1e-" + digits) { $0.double(in: $1) } == 0)
        #expect(try Self.read("0e" + digits) { $0.double(in: $1) } == 0)
    }
}
