import Testing
import UsherJSON
import UsherTesting

@Suite struct JSONWriterTests {
    static func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ("", #""""#), ("plain", #""plain""#), ("\"\\/", #""\"\\/""#), ("\n\r\t", #""\n\r\t""#),
        ("\0\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}", #""\u0000\u0001\u0008\u000b\u000c\u000e\u001f""#),
        ("\u{7f}", #""\u007f""#), ("é€😀", #""é€😀""#), ("\u{2028}", "\"\u{2028}\""), ("\r\n", #""\r\n""#),
    ])
    func strings(_ meaning: String, _ json: String) {
        #expect(Self.written { $0.value(meaning) } == json)
    }

    /// What is plain is passed over a word at a time.
    @Test(arguments: [
        ("\"", #"\""#), ("\\", #"\\"#), ("\n", #"\n"#), ("\u{1f}", #"\u001f"#), ("\0", #"\u0000"#), ("\u{7f}", #"\u007f"#),
        (" ", " "),
        ("!", "!"), ("#", "#"), ("[", "["), ("]", "]"), ("~", "~"), ("é", "é"), ("😀", "😀"), ("\u{7f}\u{7f}", #"\u007f\u007f"#),
    ])
    func `an escape is found wherever it stands`(_ meaning: String, _ json: String) {
        for before in 0..<20 {
            for after in 0..<20 {
                let (left, right) = (String(repeating: "x", count: before), String(repeating: "y", count: after))
                #expect(Self.written { $0.value(left + meaning + right) } == "\"" + left + json + right + "\"")
            }
        }
    }

    @Test(
        arguments: [0, 1, -1, 9, 10, -10, 99, 100, 1_790_000_000, Int64.max, Int64.min, Int64.min + 1, 1_000_000_000_000_000_000]
            as [Int64])
    func integers(_ number: Int64) {
        #expect(Self.written { $0.value(number) } == String(number))
    }

    @Test func `commas stand between members and elements alone`() {
        let text = Self.written { writer in
            writer.openObject()
            writer.member("a", "x")
            writer.member("b", 1)
            writer.member("c", true)
            writer.name("d")
            writer.openArray()
            writer.value(1)
            writer.null()
            writer.openObject()
            writer.closeObject()
            writer.openArray()
            writer.closeArray()
            writer.value(false)
            writer.raw(Array("[0]".utf8).span)
            writer.closeArray()
            writer.member("e", [])
            writer.member("f", ["x", "y"])
            writer.name("g")
            writer.openObject()
            writer.member("h", false)
            writer.closeObject()
            writer.member("i\"\n", raw: Array("{}".utf8).span)
            writer.name("j")
            writer.null()
            writer.closeObject()
        }
        #expect(
            text
                == #"{"a":"x","b":1,"c":true,"d":[1,null,{},[],false,[0]],"e":[],"f":["x","y"],"g":{"h":false},"i\"\n":{},"j":null}"#
        )
    }

    @Test(arguments: [
        ("{}", "{}"), ("{\n}", "{}"), ("{\r\n\t\"a\" :\n 1,\n\"b\":[ 1\n,2 ]\n}", "{\"a\" : 1,\"b\":[ 1,2 ]}"),
        ("\n{\"a\":\"\\n\"}\n", "{\"a\":\"\\n\"}"),
        ("{\"a\":1,\n\"b\":1}", "{\"a\":1,\"b\":1}"), ("{\"a\":\"\u{7f}é\"}", "{\"a\":\"\u{7f}é\"}"),
    ])
    func `a value of several lines is put on one`(_ raw: String, _ json: String) {
        let raw = Array(raw.utf8)
        #expect(Self.written { $0.rawOnOneLine(raw.span) } == json)
        #expect(
            Self.written {
                $0.openArray()
                $0.rawOnOneLine(raw.span)
                $0.rawOnOneLine(raw.span)
                $0.closeArray()
            } == "[\(json),\(json)]")
        #expect(
            Self.written {
                $0.openObject()
                $0.member("a", raw: raw.span)
                $0.member("b", raw: raw.span)
                $0.closeObject()
            } == "{\"a\":\(json),\"b\":\(json)}")
    }

    @Test func `what is taken back leaves no trace`() {
        var writer = JSONWriter()
        writer.openObject()
        writer.member("a", 1)
        writer.closeObject()
        writer.endLine()
        let line = writer.count
        for text in ["", "{", "{\"a\":", "{\"a\":1", "[1,2"] {
            if text.hasPrefix("{") { writer.openObject() }
            if text.count > 1 { writer.name("a") }
            if text.count > 5 { writer.value(1) }
            if text.hasPrefix("[") { writer.value(["1", "2"]) }
            writer.takeBack(to: line)
            #expect(writer.count == line)
        }
        writer.openObject()
        writer.closeObject()
        writer.endLine()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "{\"a\":1}\n{}\n")
        writer.takeBack(to: 0)
        writer.openObject()
        writer.closeObject()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "{}")
        writer.removeAll(keepingCapacity: true)
        writer.value("x")
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"x\"")
    }

    // MARK: What is written is read

    indirect enum Tree: Equatable {
        case null
        case bool(Bool)
        case integer(Int64)
        case string([UInt8])
        case array([Tree])
        case object([Member])

        struct Member: Equatable {
            let name: [UInt8]
            let value: Tree
        }

        static func random(_ random: SeededRandom, depth: Int) -> Tree {
            switch random.below(depth > 0 ? 8 : 5) {
            case 0: return .null
            case 1: return .bool(random.below(2) == 0)
            case 2: return .integer(Int64(bitPattern: random.word()) >> Int64(random.below(64)))
            case 3, 4: return .string(text(random))
            case 5: return .array((0..<random.below(5)).map { _ in Tree.random(random, depth: depth - 1) })
            default: return object(random, depth: depth)
            }
        }

        static func object(_ random: SeededRandom, depth: Int) -> Tree {
            var names: Set<[UInt8]> = []
            return .object(
                (0..<random.below(random.below(8) == 0 ? 40 : 6)).compactMap { _ in
                    let name = text(random)
                    guard names.insert(name).inserted else { return nil }
                    return Member(name: name, value: Tree.random(random, depth: depth - 1))
                })
        }

        static func text(_ random: SeededRandom) -> [UInt8] {
            let alphabet: [Unicode.Scalar] = [
                "a", "b", "\"", "\\", "/", "\u{0}", "\u{1f}", "\n", "\r", "\t", "\u{7f}", "\u{80}", "é", "\u{301}", "€",
                "\u{d7ff}", "\u{e000}", "\u{ffff}", "😀",
                "\u{10ffff}", " ", "{", "}", ",", ":", "u",
            ]
            var text = String.UnicodeScalarView()
            for _ in 0..<random.below(20) { text.append(random.pick(alphabet)) }
            return Array(String(text).utf8)
        }

        func write(to writer: inout JSONWriter) {
            switch self {
            case .null: writer.null()
            case .bool(let bool): writer.value(bool)
            case .integer(let number): writer.value(number)
            case .string(let bytes): writer.value(String(decoding: bytes, as: UTF8.self))
            case .array(let elements):
                writer.openArray()
                for element in elements { element.write(to: &writer) }
                writer.closeArray()
            case .object(let members):
                writer.openObject()
                for member in members {
                    var value = JSONWriter()
                    member.value.write(to: &value)
                    writer.member(String(decoding: member.name, as: UTF8.self), raw: value.bytes.span)
                }
                writer.closeObject()
            }
        }

        static func read(_ value: JSONValue, in text: [UInt8]) throws -> Tree {
            var reader = JSONReader(nesting: 32)
            switch value.kind {
            case .null: return .null
            case .true: return .bool(true)
            case .false: return .bool(false)
            case .number: return .integer(try #require(value.integer(in: text)))
            case .string: return .string(value.bytes(in: text))
            case .array: return .array(try reader.elements(of: value, in: text).map { try read($0, in: text) })
            case .object:
                try reader.read(text, in: value.range)
                return .object(
                    try reader.members.map { Member(name: $0.name.bytes(in: text), value: try read($0.value, in: text)) })
            }
        }
    }

    @Test(arguments: 1...20)
    func `whatever is written is read back the same`(_ seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            let tree = Tree.object(random, depth: 4)
            var writer = JSONWriter()
            writer.openObject()
            writer.name("t")
            tree.write(to: &writer)
            writer.closeObject()
            let text = writer.bytes
            #expect(text.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
            var reader = JSONReader(nesting: 32)
            try reader.read(text)
            let found = reader.value("t", in: text)
            let value = try #require(found)
            #expect(try Tree.read(value, in: text) == tree)
        }
    }
}
