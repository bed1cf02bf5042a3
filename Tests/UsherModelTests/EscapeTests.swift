import Testing
import UsherModel

@Suite struct EscapeTests {
    /// What must not reach a terminal or a log as it is.
    static let corpus: [(raw: String, printable: String)] = [
        ("a\nb", #"a\nb"#), ("a\r\nb", #"a\r\nb"#), ("\t", #"\t"#), ("\0", #"\u{0}"#), ("\u{7f}", #"\u{7f}"#),
        // Terminal escapes: colours, the title, the cursor; C1 as one character.
        ("\u{1b}[2J", #"\u{1b}[2J"#), ("\u{1b}]0;owned\u{7}", #"\u{1b}]0;owned\u{7}"#), ("\u{9b}31m", #"\u{9b}31m"#),
        ("\u{85}", #"\u{85}"#), ("\u{80}\u{9f}", #"\u{80}\u{9f}"#),
        // Line ends of Unicode, text direction, invisible and look-alike characters.
        ("\u{2028}\u{2029}", #"\u{2028}\u{2029}"#), ("\u{202e}gpj", #"\u{202e}gpj"#), ("\u{200b}\u{feff}", #"\u{200b}\u{feff}"#),
        ("\u{430}dmin", #"\u{430}dmin"#), ("\u{a0}", #"\u{a0}"#), ("\u{1f511}", #"\u{1f511}"#), ("e\u{301}", #"e\u{301}"#),
        ("\u{10ffff}", #"\u{10ffff}"#),
        // What was not UTF-8.
        (String(decoding: [0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80], as: UTF8.self), #"\u{fffd}\u{fffd}(\u{fffd}\u{fffd}\u{fffd}"#),
        // An escape that is there already does not turn into one of ours.
        (#"\n"#, #"\\n"#), (#"\u{1b}"#, #"\\u{1b}"#), (#"\"#, #"\\"#),
    ]

    @Test(arguments: corpus) func printable(_ raw: String, _ printable: String) {
        #expect(Escape.printable(raw) == printable)
        #expect(Escape.quotedIfNeeded(raw, blanks: true) == "\"\(printable)\"")
    }

    @Test("Plain text stays as it is") func plain() {
        let text = (0x20...0x7e).map { String(UnicodeScalar(UInt8($0))) }.joined().replacing("\\", with: "")
        #expect(Escape.printable(text) == text)
        let plain = text.replacing("\"", with: "").replacing("=", with: "")
        #expect(Escape.quotedIfNeeded(plain, blanks: true) == plain)
        #expect(Escape.quotedIfNeeded("alice@example.com", blanks: false) == "alice@example.com")
    }

    @Test(
        "Quotes where a field could be forged without",
        arguments: [
            ("", #""""#), ("a b", #""a b""#), ("a=b", #""a=b""#), (#"a"b"#, #""a\"b""#), (#"a\"#, #""a\\""#),
            (#"" result=ok "#, #""\" result=ok ""#), (#"\" result=ok"#, #""\\\" result=ok""#),
        ])
    func quoted(_ raw: String, _ quoted: String) {
        #expect(Escape.quotedIfNeeded(raw, blanks: false) == quoted)
    }

    @Test("All that comes out is printable ASCII, and different texts stay different") func everything() {
        var seen: Set<String> = []
        var count = 0
        for value in UInt32(0)...0x3000 {
            guard let scalar = UnicodeScalar(value) else { continue }
            let text = Escape.quotedIfNeeded(String(scalar), blanks: false)
            if !text.utf8.allSatisfy({ (0x21...0x7e).contains($0) || text == "\" \"" }) { Issue.record("\(value)") }
            seen.insert(text)
            count += 1
        }
        #expect(seen.count == count)
    }
}
