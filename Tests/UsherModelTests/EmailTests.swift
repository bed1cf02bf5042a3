import Testing
import UsherModel

@Suite struct EmailTests {
    static let label63 = String(repeating: "x", count: 63)

    @Test(arguments: [
        "a@b", "a@b.c", "Alice@Example.ORG", "a.b+c@mail.example.org", "!#$%&'*+/=?^_`{|}~@x", "\"quoted\"@x", ".@x", "a@1",
        "a@1-2.x--y",
        "a@" + label63, "a@" + label63 + "." + label63, String(repeating: "l", count: 252) + "@x",
        String(repeating: "l", count: 250) + "@x.y",
    ])
    func taken(_ raw: String) throws {
        #expect(try Email(parsing: raw).text == raw)
    }

    @Test(arguments: [
        "", "a", "@", "a@", "@b", "a@b@c", "a@@b", "a@.", "a@b.", "a@.b", "a@b..c", "a@-b", "a@b-", "a@b.-c", "a@b-.c", "a@b_c",
        "a b@c",
        "a@b c", " a@b", "a@b ", "a@b\n", "a\t@b", "a\0@b", "a@b\0", "é@b", "a@é", "a@\u{212A}", "a\u{7f}@b", "a@b/c",
        "a@[127.0.0.1]",
        "a@b:c", "a@x" + label63, String(repeating: "l", count: 253) + "@x", String(repeating: "l", count: 251) + "@x.y",
    ])
    func refused(_ raw: String) {
        let fault = #expect(throws: UsherError.self) { try Email(parsing: raw) }
        #expect(fault?.code == .invalidField)
        #expect(fault?.detail == .field("email"))
    }

    @Test func `it keeps its case and is unique without it`() throws {
        let email = try Email(parsing: "Alice.B@Example.ORG")
        #expect(email.text == "Alice.B@Example.ORG")
        #expect(email.folded == "alice.b@example.org")
    }

    @Test func `every byte is judged`() {
        for byte in UInt8(0)...127 {
            let character = String(Unicode.Scalar(byte))
            let isLocal = (0x21...0x7e).contains(byte) && character != "@"
            #expect(((try? Email(parsing: "a\(character)b@c")) != nil) == isLocal, "\(byte) in a local part")
            let isInLabel = character.utf8.allSatisfy {
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.".utf8.contains($0)
            }
            #expect(((try? Email(parsing: "a@b\(character)c")) != nil) == isInLabel, "\(byte) in a domain")
        }
    }
}
