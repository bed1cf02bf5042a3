import Testing
import UsherTesting

@testable import UsherJSON

@Suite struct JSONReaderTests {
    // MARK: What is taken

    static let good: [String] =
        [
            "{}", " { } ", "<09><0A><0D><20>{}<20><0D><0A><09>", #"{"":""}"#, #"{"a":1}"#, #"{ "a" : 1 , "b" : 2 }"#,
            #"{"a":null,"b":true,"c":false}"#, #"{"a":[]}"#, #"{"a":[ ]}"#, #"{"a":{}}"#,
            #"{"a":[1,"2",[3],{"b":4},null,true,false]}"#,
            #"{"a":[[],[],{}]}"#,
            // Numbers (RFC 8259 §6).
            #"{"n":0}"#, #"{"n":-0}"#, #"{"n":9}"#, #"{"n":10}"#, #"{"n":-10}"#, #"{"n":1234567890}"#, #"{"n":0.0}"#,
            #"{"n":-0.0}"#,
            #"{"n":0.5}"#, #"{"n":1.05}"#, #"{"n":0e0}"#, #"{"n":0E0}"#, #"{"n":1e5}"#, #"{"n":1E+5}"#, #"{"n":1e-5}"#,
            #"{"n":1e05}"#,
            #"{"n":1.5e10}"#, #"{"n":-1.5E-10}"#, #"{"n":1e400}"#, #"{"n":-1e400}"#, #"{"n":1e-400}"#,
            #"{"n":18446744073709551616}"#,
            #"{"n":123456789012345678901234567890.123456789012345678901234567890e+100}"#, #"{"n":[0,1,-1]}"#, #"{"n":0 }"#,
            #"{"n":0<0A>}"#,
            // Escapes (§7).
            #"{"s":"\" \\ \/ \b \f \n \r \t"}"#, #"{"s":"\u0000"}"#, #"{"s":"\u001f"}"#, #"{"s":"\u0041\u00e9\u20AC\uFFFF"}"#,
            #"{"s":"\uabcd\uABCD\uAbCd"}"#, #"{"s":"\ud7ff\ue000"}"#, #"{"s":"\ud800\udc00"}"#, #"{"s":"\uDBFF\uDFFF"}"#,
            #"{"s":"\uD83D\ude00"}"#, #"{"s":"\ud800\udc00\ud800\udc00"}"#, #"{"s":"\\u"}"#, #"{"s":"\\ud800"}"#, #"{"s":"\\"}"#,
            #"{"\u0061":1}"#, #"{"s":"/"}"#, #"{"s":"'"}"#, #"{"s":"{}[]:,"}"#, #"{"s":"// no comment /* none */"}"#,
            // UTF-8 (RFC 3629 §4), the first and the last of each length.
            #"{"s":"<7F>"}"#, #"{"s":"<C2><80>"}"#, #"{"s":"<DF><BF>"}"#, #"{"s":"<E0><A0><80>"}"#, #"{"s":"<E0><BF><BF>"}"#,
            #"{"s":"<E1><80><80>"}"#, #"{"s":"<EC><BF><BF>"}"#, #"{"s":"<ED><80><80>"}"#, #"{"s":"<ED><9F><BF>"}"#,
            #"{"s":"<EE><80><80>"}"#,
            #"{"s":"<EF><BF><BF>"}"#, #"{"s":"<F0><90><80><80>"}"#, #"{"s":"<F0><BF><BF><BF>"}"#, #"{"s":"<F1><80><80><80>"}"#,
            #"{"s":"<F3><BF><BF><BF>"}"#, #"{"s":"<F4><80><80><80>"}"#, #"{"s":"<F4><8F><BF><BF>"}"#, #"{"é":"<EF><BB><BF>"}"#,
            #"{"s":"a<CC><81>"}"#, #"{"s":"<E2><80><A8>"}"#,
            // Names: the same in different objects, or not quite the same.
            #"{"a":{"a":{"a":1}}}"#, #"{"a":{"b":1},"b":{"b":1}}"#, #"{"l":[{"a":1},{"a":2}]}"#, #"{"a":1,"A":2}"#,
            #"{"a":1,"a ":2}"#,
            #"{"a":1,"\\u0061":2}"#, #"{"":1," ":2}"#, #"{"é":1,"e<CC><81>":2}"#, #"{"o":{"a":1},"a":2}"#, #"{"a":"a","b":"a"}"#,
            #"{"K":1,"<E2><84><AA>":2}"#, #"{"a\u0000":1,"a":2}"#,
            // Nesting.
            nested(31), nested(32), nested(32, inside: #""leaf""#),
            #"{"a":"# + String(repeating: "[", count: 31) + String(repeating: "]", count: 31) + "}",
            String(repeating: #"{"a":"#, count: 31) + "{}" + String(repeating: "}", count: 31),
            #"{"a":"# + "[" + Array(repeating: "[]", count: 100).joined(separator: ",")
                + "]}",
        ]

    @Test(arguments: good.map(Sample.init))
    func taken(_ sample: Sample) {
        #expect(fault(in: sample.bytes) == nil)
    }

    @Test(arguments: good.map(Sample.init))
    func `cut short anywhere it ends at its length`(_ sample: Sample) {
        for count in 0..<sample.bytes.count {
            let prefix = Array(sample.bytes[..<count])
            // Blanks may follow the end.
            guard let fault = fault(in: prefix) else { continue }
            #expect(fault == JSONFault(.endOfText, at: count))
        }
    }

    // MARK: What is refused

    static let bad: [(JSONFault.Reason, [String])] = [
        (
            .notAnObject,
            [
                "‸[]", "‸1", "‸\"a\"", "‸null", "‸true", "‸}", "‸:", "‸,", "‸x", "‸<00>", "‸<EF><BB><BF>{}", "<20><0A>‸[{}]",
                "‸<FE><FF><00>{", "‸<0B>{}",
                "‸<C2><A0>{}", "‸//{}", "‸'a'",
            ]
        ),
        (
            .endOfText,
            [
                "‸", "<20>‸", "<09><0A>‸", "{‸", "{ ‸", "{\"‸", "{\"a‸", "{\"a\"‸", "{\"a\" ‸", "{\"a\":‸", "{\"a\": ‸",
                "{\"a\":1‸", "{\"a\":1 ‸", "{\"a\":1,‸",
                "{\"a\":1, ‸", "{\"a\":-‸", "{\"a\":0‸", "{\"a\":0.‸", "{\"a\":0.5‸", "{\"a\":1e‸", "{\"a\":1E+‸", "{\"a\":1e-‸",
                "{\"a\":1e5‸", "{\"a\":t‸",
                "{\"a\":tru‸", "{\"a\":true‸", "{\"a\":fals‸", "{\"a\":n‸", "{\"a\":[‸", "{\"a\":[ ‸", "{\"a\":[1‸",
                "{\"a\":[1,‸", "{\"a\":[[]‸",
                "{\"a\":{}‸", "{\"a\":{\"a\"‸", #"{"a":"\‸"#, #"{"a":"\u‸"#, #"{"a":"\u0‸"#, #"{"a":"\u00‸"#, #"{"a":"\u000‸"#,
                #"{"a":"\u0000‸"#,
                #"{"a":"\ud8‸"#, #"{"a":"\ud800‸"#, #"{"a":"\ud800\‸"#, #"{"a":"\ud800\u‸"#, #"{"a":"\ud800\ud‸"#,
                #"{"a":"\ud800\udc‸"#,
                #"{"a":"\ud800\udc0‸"#, #"{"a":"\ud800\udc00‸"#, "{\"a\":\"<C3>‸", "{\"a\":\"<E0>‸", "{\"a\":\"<E0><A0>‸",
                "{\"a\":\"<E2><82>‸",
                "{\"a\":\"<F0>‸", "{\"a\":\"<F0><90>‸", "{\"a\":\"<F0><90><80>‸", "{\"a\":\"<F4><8F><BF>‸", "{\"a\":1,\"a‸",
                "{\"a\":1,\"\\u006‸",
            ]
        ),
        (
            .trailingBytes,
            [
                "{}‸{}", "{} ‸x", "{}‸}", "{}‸,", "{}‸<00>", "{}<0A><0A>‸{}", "{}‸<EF><BB><BF>", "{}‸//", "{}‸\"", "{}<20>‸<FF>",
                "{\"a\":1}‸]", "{}‸<0B>",
            ]
        ),
        (
            .unexpectedByte,
            [
                // Members.
                "{‸,}", "{‸:}", "{‸1:2}", "{‸a:1}", "{‸'a':1}", "{‸null:1}", "{‸[]:1}", "{‸{}:1}", "{‸]", "{\"a\"‸}",
                "{\"a\"‸,\"b\":1}", "{\"a\"‸=1}",
                "{\"a\" ‸1}", "{\"a\":‸}", "{\"a\":‸,}", "{\"a\":‸:1}", "{\"a\":1‸\"b\":2}", "{\"a\":1 ‸\"b\":2}", "{\"a\":1,‸}",
                "{\"a\":1,‸,\"b\":2}",
                "{\"a\":1‸;}", "{\"a\":1‸]", "{\"a\":1,‸2}", "{‸,\"a\":1}", "{\"a\":1‸:2}", "{\"a\":\"b\"‸\"c\"}", "{‸<FF>}",
                "{\"a\":‸<C3><A9>}",
                "{‸<00>}", "{\"a\":‸<00>}", "{\"a\":1‸<00>}", "{‸<0B>}", "{\"a\":1‸<0C>}", "{‸<C2><A0>}", "{\"a\":‸/*x*/1}",
                "{‸#<0A>}",
                // Arrays.
                "{\"a\":[‸,]}", "{\"a\":[1,‸]}", "{\"a\":[1,‸,2]}", "{\"a\":[‸:]}", "{\"a\":[1‸:2]}", "{\"a\":[1 ‸2]}",
                "{\"a\":[‸}}", "{\"a\":[1‸}}",
                "{\"a\":[1‸;2]}", "{\"a\":[\"x\"‸\"y\"]}", "{\"a\":[]‸]}", "{\"a\":{}‸]}",
                // Words.
                "{\"a\":‸True}", "{\"a\":tr‸Ue}", "{\"a\":t‸}", "{\"a\":tru‸}", "{\"a\":true‸e}", "{\"a\":fal‸e}", "{\"a\":n‸il}",
                "{\"a\":nul‸}",
                "{\"a\":‸NULL}", "{\"a\":null‸1}", "{\"a\":‸undefined}", "{\"a\":‸NaN}", "{\"a\":‸Infinity}",
                "{\"a\":-‸Infinity}", "{\"a\":‸inf}",
                // Numbers.
                "{\"a\":0‸1}", "{\"a\":-0‸1}", "{\"a\":0‸0}", "{\"a\":‸+1}", "{\"a\":‸.5}", "{\"a\":1.‸}", "{\"a\":1.‸e5}",
                "{\"a\":-‸}", "{\"a\":-‸-1}",
                "{\"a\":-‸.5}", "{\"a\":1.‸.5}", "{\"a\":1.5‸.5}", "{\"a\":1e‸}", "{\"a\":1e+‸}", "{\"a\":1e+‸-5}",
                "{\"a\":1e‸.5}", "{\"a\":1e5‸.5}",
                "{\"a\":1e5‸e5}", "{\"a\":1‸f}", "{\"a\":0‸x1}", "{\"a\":1‸_000}", "{\"a\":1‸-2}", "{\"a\":1‸+2}", "{\"a\":‸١}",
                "{\"a\":-‸ 1}",
            ]
        ),
        (
            .controlCharacter,
            [
                "{\"‸<00>\":1}", "{\"a\":\"‸<00>\"}", "{\"a\":\"‸<1F>\"}", "{\"a\":\"x‸<0A>y\"}", "{\"a\":\"‸<0D>\"}",
                "{\"a\":\"‸<09>\"}", "{\"a\":\"12345678‸<01>\"}",
                "{\"a\":\"\\\\‸<0A>\"}", "{\"a\":\"<C3><A9>‸<08>\"}",
            ]
        ),
        (
            .invalidEscape,
            [
                #"{"a":"\‸x"}"#, #"{"a":"\‸'"}"#, #"{"a":"\‸ "}"#, #"{"a":"\‸U0041"}"#, #"{"a":"\‸0"}"#, #"{"a":"\‸a"}"#,
                #"{"a":"\‸v"}"#, #"{"a":"\‸N"}"#,
                #"{"a":"\‸<00>"}"#, #"{"a":"\‸<0A>"}"#, #"{"a":"\‸<FF>"}"#, #"{"a":"\‸<C3><A9>"}"#, #"{"a":"\u‸"}"#,
                #"{"a":"\u0‸"}"#, #"{"a":"\u00‸"}"#,
                #"{"a":"\u000‸"}"#, #"{"a":"\u‸g000"}"#, #"{"a":"\u0‸x00"}"#, #"{"a":"\u00‸-1"}"#, #"{"a":"\u000‸G"}"#,
                #"{"a":"\u‸+041"}"#,
                #"{"a":"\u‸ 041"}"#, #"{"a":"\u‸{41}"}"#, #"{"a":"\u004‸<C2><B1>"}"#, #"{"\‸q":1}"#, #"{"a":"\ud8‸g0"}"#,
                #"{"a":"\ud800\udc0‸g"}"#,
                #"{"a":"\ud800\u‸x"}"#, #"{"a":"\ud800\ud‸"}"#,
            ]
        ),
        (
            .loneSurrogate,
            [
                #"{"a":"‸\ud800"}"#, #"{"a":"‸\uD800"}"#, #"{"a":"‸\udbff"}"#, #"{"a":"‸\udc00"}"#, #"{"a":"‸\uDFFF"}"#,
                #"{"a":"‸\ud800x"}"#,
                #"{"a":"‸\ud800\n"}"#, #"{"a":"‸\ud800\\"}"#, #"{"a":"‸\ud800\u0041"}"#, #"{"a":"‸\ud800\ud800\udc00"}"#,
                #"{"a":"‸\udc00\ud800"}"#,
                #"{"a":"\ud800\udc00‸\udc00"}"#, #"{"a":"xy‸\ud83d "}"#, #"{"‸\udead":1}"#, #"{"a":"‸\ud800<F0><90><80><80>"}"#,
                #"{"a":"‸\ud800\ue000"}"#,
                #"{"a":"‸\ud800<00>"}"#,
                // Cut short, but already past all remedy.
                #"{"a":"‸\udc"#, #"{"a":"‸\uDf0"#, #"{"a":"‸\ud800\u0"#, #"{"a":"‸\ud800\udb"#, #"{"a":"‸\ud800x"#,
                #"{"a":"‸\ud800""#,
            ]
        ),
        (
            .invalidUTF8,
            [
                // Bytes that begin nothing.
                "{\"a\":\"‸<80>\"}", "{\"a\":\"‸<BF>\"}", "{\"a\":\"‸<C0><80>\"}", "{\"a\":\"‸<C1><BF>\"}",
                "{\"a\":\"‸<F5><80><80><80>\"}", "{\"a\":\"‸<F8><88><80><80><80>\"}",
                "{\"a\":\"‸<FC>\"}", "{\"a\":\"‸<FE>\"}", "{\"a\":\"‸<FF>\"}",
                // Overlong, surrogates, past the end.
                "{\"a\":\"<E0>‸<80><80>\"}", "{\"a\":\"<E0>‸<9F><BF>\"}", "{\"a\":\"<F0>‸<80><80><80>\"}",
                "{\"a\":\"<F0>‸<8F><BF><BF>\"}", "{\"a\":\"<ED>‸<A0><80>\"}",
                "{\"a\":\"<ED>‸<BF><BF>\"}", "{\"a\":\"<ED>‸<A0><81><ED><B0><81>\"}", "{\"a\":\"<F4>‸<90><80><80>\"}",
                "{\"a\":\"<F4>‸<BF><BF><BF>\"}",
                // Ended by something else.
                "{\"a\":\"<C2>‸\"}", "{\"a\":\"<C2>‸<C2><80>\"}", "{\"a\":\"<C2>‸<C0>\"}", "{\"a\":\"<C2>‸a\"}",
                "{\"a\":\"<E1>‸\"}", "{\"a\":\"<E1><80>‸\"}", "{\"a\":\"<E1><80>‸<C0>\"}",
                "{\"a\":\"<F1>‸\"}", "{\"a\":\"<F1><80>‸\"}", "{\"a\":\"<F1><80><80>‸\"}", "{\"a\":\"<F1><80><80>‸<7F>\"}",
                "{\"a\":\"<C2>‸<00>\"}", "{\"a\":\"<C2>‸\\n\"}",
                // Elsewhere.
                "{\"‸<FF>\":1}", "{\"<C3>‸\":1}", "{\"a\":\"\\n‸<FF>\"}", "{\"a\":\"<C2><80>‸<80>\"}", "{\"a\":\"1234567‸<C0>\"}",
                "{\"a\":\"12345678‸<C0>\"}",
            ]
        ),
        (
            .duplicateName,
            [
                #"{"a":1,‸"a":2}"#, #"{"":1,‸"":2}"#, #"{"a":1,"b":2,‸"a":3}"#, #"{"a":1, ‸"\u0061":2}"#, #"{"\u0061":1,‸"a":2}"#,
                #"{"\u0061":1,‸"\u0061":2}"#,
                #"{"é":1,‸"\u00e9":2}"#, #"{"\u00E9":1,‸"\u00e9":2}"#, #"{"\ud83d\ude00":1,‸"<F0><9F><98><80>":2}"#,
                #"{"/":1,‸"\/":2}"#,
                #"{"\n":1,‸"\u000A":2}"#, #"{"x":{"a":1,‸"a":2}}"#, #"{"x":[{"a":1},{"a":1,‸"a":2}]}"#,
                #"{"a":{"b":{"b":1},‸"b":1}}"#,
                #"{"a":{"a":1},‸"a":2}"#, #"{"a":[{"a":1}],‸"a":2}"#, #"{"exp":1,‸"\u0065xp":2}"#, #"{"a":1,‸"a""#,
                #"{"a":1,‸"a"x"#, #"{"a":1,‸"a"}"#,
            ]
        ),
        (
            .tooDeep,
            [
                #"{"a":"# + String(repeating: "[", count: 31) + "‸[" + String(repeating: "]", count: 32) + "}",
                String(repeating: #"{"a":"#, count: 32) + "‸{}" + String(repeating: "}", count: 32),
                #"{"a":"# + String(repeating: "[", count: 31) + "‸[[[[",
                #"{"a":"# + String(repeating: "[", count: 31) + "‸{\"a\":", String(repeating: #"{"a":["#, count: 16) + "‸{}",
                String(repeating: #"{"a":["#, count: 16) + "1,‸[]",
                String(repeating: #"{"a":["#, count: 16) + "1,\"x\", ‸[",
            ]
        ),
    ]

    static let refusals = bad.flatMap { reason, texts in texts.map { Refusal(reason: reason, sample: Sample($0)) } }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let reason: JSONFault.Reason
        let sample: Sample
        var testDescription: String { sample.testDescription }
    }

    @Test(arguments: refusals)
    func refused(_ refusal: Refusal) throws {
        let mark = try #require(refusal.sample.mark)
        #expect(fault(in: refusal.sample.bytes) == JSONFault(refusal.reason, at: mark))
    }

    @Test(arguments: refusals)
    func `what stands before a fault can go on, and what follows cannot mend it`(_ refusal: Refusal) throws {
        let text = refusal.sample.bytes
        let mark = try #require(refusal.sample.mark)
        let before = Array(text[..<mark])
        #expect(completion(of: before) != nil)
        guard refusal.reason != .endOfText else { return }
        for more in ["", "\"", "}", "]", "0", " ", "\\", "\u{80}", "\",\"x\":0}"] {
            #expect(fault(in: text + Array(more.utf8)) == JSONFault(refusal.reason, at: mark))
        }
    }

    @Test func `there are enough of both`() {
        #expect(Self.good.count + Self.refusals.count >= 150)
        #expect(Set(Self.refusals.map(\.sample.bytes)).count == Self.refusals.count)
    }

    @Test func `a text with one byte changed is at fault nowhere before it`() {
        let text = Array(#"{"a":[1.5e-3,"x\u00e9\n",{"b":null}],"c":true}"#.utf8)
        for index in text.indices {
            for byte in UInt8.min...UInt8.max where byte != text[index] {
                var changed = text
                changed[index] = byte
                guard let fault = fault(in: changed) else { continue }
                // Nothing before the change is at fault, but for a name's quote or an escape's backslash.
                if fault.offset < index, fault.reason != .duplicateName, fault.reason != .loneSurrogate {
                    Issue.record("byte \(byte) at \(index): \(fault)")
                }
            }
        }
    }

    // MARK: Duplicates past the few that are compared one by one

    @Test(arguments: [15, 16, 17, 18, 40, 63, 64, 65, 66, 1_000])
    func `a duplicate among many names is found at each place`(_ count: Int) {
        let places = count > 100 ? [0, 1, 15, 16, 17, 500, count - 1] : Array(0..<count)
        for place in places {
            for name in ["name\(place)", "n\\u0061me\(place)"] {
                var text = "{" + (0..<count).map { "\"name\($0)\":\($0)" }.joined(separator: ",") + ","
                let offset = text.utf8.count
                text += "\"\(name)\":0}"
                #expect(fault(in: Array(text.utf8)) == JSONFault(.duplicateName, at: offset))
            }
        }
    }

    @Test(arguments: [7, 8, 250, 255, 256, 257, 263, 264, 511, 512, 519])
    func `long names with the same beginning are told apart`(_ length: Int) {
        let name = "abcdefg" + String(repeating: "x", count: length - 7)
        for other in [
            "abcdefg" + String(repeating: "x", count: length - 6), "abcdefg" + String(repeating: "x", count: length + 249),
            "abcdef",
        ] {
            #expect(fault(in: Array(#"{"\#(name)":1,"\#(other)":2}"#.utf8)) == nil)
        }
        #expect(fault(in: Array(#"{"\#(name)":1,"\#(name)":2}"#.utf8))?.reason == .duplicateName)
    }

    @Test(arguments: [15, 16, 17, 18, 40, 63, 64, 65, 66, 1_000])
    func `many names that differ are taken, and again inside each other`(_ count: Int) {
        let object = "{" + (0..<count).map { "\"name\($0)\":\($0)" }.joined(separator: ",") + "}"
        #expect(fault(in: Array(object.utf8)) == nil)
        let inside = "{" + (0..<count).map { "\"name\($0)\":\($0 == count / 2 ? object : "[{}]")" }.joined(separator: ",") + "}"
        #expect(fault(in: Array(inside.utf8)) == nil)
        // The outer object's names are still known behind the inner one.
        let again = "{\"o\":\(object),\"name0\":1,\"name1\":\(object),"
        #expect(fault(in: Array((again + "\"name0\":2}").utf8)) == JSONFault(.duplicateName, at: again.utf8.count))
    }

    // MARK: Nesting

    @Test(arguments: [1, 2, 3, 31, 32, 33, 64])
    func `exactly as many levels as allowed`(_ nesting: Int) {
        #expect(fault(in: Array(nested(nesting).utf8), nesting: nesting) == nil)
        #expect(fault(in: Array(nested(nesting, inside: "0").utf8), nesting: nesting) == nil)
        #expect(fault(in: Array(nested(nesting + 1).utf8), nesting: nesting)?.reason == .tooDeep)
        #expect(fault(in: Array(nested(nesting + 1, inside: "0").utf8), nesting: nesting)?.reason == .tooDeep)
    }

    @Test func `a line of brackets ends at the 33rd level`() {
        let text = Array("{\"a\":".utf8) + Array(repeating: UInt8(ascii: "["), count: 65_000)
        #expect(fault(in: text) == JSONFault(.tooDeep, at: 36))
    }

    // MARK: What a reader tells

    @Test func `members stand where they stand`() throws {
        let text = Array(#" {"a" : 1 , "b":[1,2] ,"\u0063":{"a":"x"}, "n":null } "#.utf8)
        var reader = JSONReader(nesting: 32)
        try reader.read(text)
        #expect(
            reader.members.map { String(decoding: text[$0.name.range], as: UTF8.self) } == [
                #""a""#, #""b""#, #""\u0063""#, #""n""#,
            ])
        #expect(
            reader.members.map { String(decoding: text[$0.value.range], as: UTF8.self) } == ["1", "[1,2]", #"{"a":"x"}"#, "null"])
        #expect(reader.members.map(\.value.kind) == [.number, .array, .object, .null])
        #expect(reader.value("a", in: text)?.integer(in: text) == 1)
        #expect(reader.value("c", in: text)?.kind == .object)
        #expect(reader.value("n", in: text) == nil)
        #expect(reader.anyValue("n", in: text)?.kind == .null)
        #expect(reader.anyValue("x", in: text) == nil)
        #expect(reader.anyValue("", in: text) == nil)
    }

    @Test func `a reader is used again after any text`() throws {
        var reader = JSONReader(nesting: 32)
        let good = Array(#"{"a":1,"b":{"c":2}}"#.utf8)
        for refusal in Self.refusals {
            let text = refusal.sample.bytes
            #expect(throws: JSONFault.self) { try reader.read(text) }
            try reader.read(good)
            #expect(reader.members.count == 2)
        }
    }

    @Test func `a part of a text is read as of the whole`() throws {
        let text = Array(#"xx{"a":1}yy{"a":}"#.utf8)
        var reader = JSONReader(nesting: 32)
        try reader.read(text, in: 2..<9)
        #expect(reader.value("a", in: text)?.integer(in: text) == 1)
        #expect(throws: JSONFault(.endOfText, at: 8)) { try reader.read(text, in: 2..<8) }
        #expect(throws: JSONFault(.trailingBytes, at: 9)) { try reader.read(text, in: 2..<10) }
        #expect(throws: JSONFault(.unexpectedByte, at: 16)) { try reader.read(text, in: 11..<17) }
        #expect(throws: JSONFault(.notAnObject, at: 9)) { try reader.read(text, in: 9..<17) }
        #expect(throws: JSONFault(.endOfText, at: 4)) { try reader.read(text, in: 4..<4) }
    }

    @Test(arguments: [
        ("[]", []), ("[ ]", []), ("[1]", ["1"]),
        ("[ 1 , \"a,]\" ,[2,[]], {\"x\":[3]} , null ]", ["1", "\"a,]\"", "[2,[]]", "{\"x\":[3]}", "null"]),
    ])
    func `elements of an array`(_ array: String, _ elements: [String]) throws {
        let text = Array("{\"a\": \(array) ,\"b\":0}".utf8)
        var reader = JSONReader(nesting: 32)
        try reader.read(text)
        let found = reader.value("a", in: text)
        let value = try #require(found)
        #expect(reader.elements(of: value, in: text).map { String(decoding: text[$0.range], as: UTF8.self) } == elements)
        #expect(reader.members.count == 2)
    }

    @Test func `elements at the deepest level`() throws {
        let text = Array(("{\"a\":" + String(repeating: "[", count: 31) + String(repeating: "]", count: 31) + "}").utf8)
        var reader = JSONReader(nesting: 32)
        try reader.read(text)
        let found = reader.value("a", in: text)
        var array = try #require(found)
        for _ in 2...31 { array = try #require(reader.elements(of: array, in: text).first) }
        #expect(reader.elements(of: array, in: text).isEmpty)
    }
}
