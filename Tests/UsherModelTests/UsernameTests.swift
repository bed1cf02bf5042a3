import Testing
import UsherModel

@Suite struct UsernameTests {
    @Test(arguments: [
        "a", "Z", "7", "alice", "Alice.B-c_d", "0day", "a.", "a-", "a_", "a..b", String(repeating: "x", count: 64),
    ])
    func taken(_ raw: String) throws {
        let username = try Username(parsing: raw)
        #expect(username.text == raw)
        #expect(username.description == raw)
    }

    @Test(arguments: [
        "", String(repeating: "x", count: 65), ".a", "-a", "_a", "a b", " a", "a ", "a@b", "a/b", "a:b", "a\n", "a\0", "\0", "é",
        "aé",
        "a\u{301}", "\u{212A}elvin", "１", "a\u{7f}", "a[", "a`", "a{", "a*",
    ])
    func refused(_ raw: String) {
        let fault = #expect(throws: UsherError.self) { try Username(parsing: raw) }
        #expect(fault?.code == .invalidField)
        #expect(fault?.detail == .field("username"))
    }

    @Test func `it keeps its case and is unique without it`() throws {
        let username = try Username(parsing: "AliceZ.9")
        #expect(username.text == "AliceZ.9")
        #expect(username.folded == "alicez.9")
        #expect(try Username(parsing: "aLICEz.9").folded == username.folded)
    }

    @Test func `every byte is judged`() {
        for byte in UInt8(0)...127 {
            let isLetterOrDigit = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8.contains(byte)
            let character = String(Unicode.Scalar(byte))
            #expect(((try? Username(parsing: character)) != nil) == isLetterOrDigit, "\(byte) first")
            #expect(
                ((try? Username(parsing: "a" + character)) != nil) == (isLetterOrDigit || "._-".utf8.contains(byte)),
                "\(byte) inside")
        }
    }
}
