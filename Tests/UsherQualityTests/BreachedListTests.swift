import Testing
import UsherCrypto
import UsherModel

@testable import UsherQuality

@Suite struct BreachedListTests {
    private let folder = TemporaryFolder()

    private func list(_ content: String, most: Int = 1_000) throws -> BreachedPasswords {
        try BreachedPasswords(reading: folder.file("list", content), most: most, hash: OpenSSLHash())
    }

    private func fault(_ content: String, most: Int = 1_000) -> String? {
        do {
            _ = try list(content, most: most)
            return nil
        } catch {
            return "\(error)".replacing(folder.path + "/", with: "")
        }
    }

    /// Of `Summer2024!`, `password` and `letmein`, by sha1sum.
    private static let hashes = [
        "7e8b0a3433f1210a9699d85420e363a1b162ecac", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
        "b7a875fc1ea228b9061041b7cec4bd3c52ab3ce3",
    ]

    @Test("Passwords, one a line", arguments: ["\n", "\r\n"]) func plain(_ end: String) throws {
        let list = try list(["Summer2024!", "", "password", "pässwörd", " blanks count "].joined(separator: end))
        #expect(list.count == 4)
        for password in ["Summer2024!", "password", "pässwörd", " blanks count "] {
            #expect(try list.weakness(of: password) == .breached)
        }
        for password in ["summer2024!", "password ", "blanks count", "", "x"] { #expect(try list.weakness(of: password) == nil) }
    }

    @Test("SHA-1 in full, with counts or without, in any case and order") func hashes() throws {
        for content in [
            "\(Self.hashes[2])\n\(Self.hashes[1])\n",
            "\(Self.hashes[1].uppercased()):9659365\r\n\(Self.hashes[2].uppercased()):1\r\n",
            "\(Self.hashes[1]):3\n\n\(Self.hashes[2])",
        ] {
            let list = try list(content)
            #expect(list.count == 2)
            #expect(try list.weakness(of: "password") == .breached)
            #expect(try list.weakness(of: "letmein") == .breached)
            #expect(try list.weakness(of: "letmeout") == nil)
            #expect(try list.weakness(of: Self.hashes[1]) == nil)
        }
    }

    @Test("The first digits of SHA-1", arguments: 10...39) func prefixes(_ digits: Int) throws {
        let list = try list(Self.hashes.map { String($0.prefix(digits)) }.joined(separator: "\n"))
        #expect(try list.weakness(of: "password") == .breached)
        #expect(try list.weakness(of: "letmein") == .breached)
        for index in 0..<200 { #expect(try list.weakness(of: "another \(index)") == nil) }
    }

    @Test("What can be of both forms is decided by the first line that cannot") func form() throws {
        // Digits alone are passwords, unless something says that they are not.
        #expect(try list("1234567890\n9876543210\n").weakness(of: "1234567890") == .breached)
        #expect(try list("1234567890\nhunter2\n").weakness(of: "1234567890") == .breached)
        #expect(try list("1234567890\n\(Self.hashes[1].prefix(10))\n").weakness(of: "1234567890") == nil)
        #expect(try list("1234567890:7\n").weakness(of: "1234567890") == nil)
        #expect(try list("hunter2\nabcdef1234\n").weakness(of: "abcdef1234") == .breached)
        #expect(try list("abcdef123\n").weakness(of: "abcdef123") == .breached)
        #expect(fault("abcdef1234\nhunter2\n")?.contains("list:2: not 10 hexadecimal digits") == true)
        #expect(fault("abcdef1234\nhunter2\n")?.contains("let another one come first") == true)
    }

    @Test("What is wrong is told with its line") func faults() {
        let hash = Self.hashes[1]
        for (content, words) in [
            ("", "list: there are no passwords in it."), ("\n\r\n\n", "list: there are no passwords in it."),
            ("\(hash)\n\n\(hash.dropLast())\n", "list:3: not 40 hexadecimal digits"), ("\(hash):1\n\(hash):\n", "list:2: not 40"),
            ("\(hash)\n\(hash)0\n", "list:2: not 40"), ("\(hash)\n\(hash):x1\n", "list:2: not 40"),
            ("\(hash)\n\(hash) \n", "list:2: not 40"), ("\(hash)\n\(hash.dropLast())g\n", "list:2: not 40"),
            ("a\n" + String(repeating: "x", count: 513), "list:2: longer than 512 bytes"),
            ("a\n" + String(repeating: "x", count: 3_000_000), "list:2: longer than 512 bytes"),
            ("a\nb\nc\nd\n", "list: more than 3 passwords."),
        ] {
            let fault = fault(content, most: 3)
            #expect(fault?.hasPrefix("The list of breached passwords cannot be used: \(words)") == true, "\(fault ?? "no fault")")
            #expect(fault?.contains(hash) == false)
        }
        #expect(fault(String(repeating: "x", count: 512)) == nil)
        for (path, words) in [("/no/such/list", "No such file or directory"), ("/tmp", "no regular file")] {
            let failure = #expect(throws: StartFailure.self) { try BreachedPasswords(reading: path, hash: OpenSSLHash()) }
            #expect(failure?.description.contains("\(path): \(words)") == true)
        }
    }

    @Test("A list longer than what is read at once") func long() throws {
        let passwords = (0..<200_000).map { "password number \($0)" }
        let list = try list(passwords.joined(separator: "\n"), most: 200_000)
        #expect(list.count == 200_000)
        for index in [0, 1, 65_535, 65_536, 123_456, 199_999] { #expect(try list.weakness(of: passwords[index]) == .breached) }
        for index in [-1, 200_000, 300_000] { #expect(try list.weakness(of: "password number \(index)") == nil) }
    }

    @Test("SHA-1 as everybody computes it") func sha1() {
        // FIPS 180-4's own examples, and the empty message.
        let examples: [(String, UInt64)] = [
            ("abc", 0xa999_3e36_4706_816a), ("", 0xda39_a3ee_5e6b_4b0d),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0x8498_3e44_1c3b_d26e),
        ]
        for (message, prefix) in examples { #expect(OpenSSLHash().sha1Prefix(of: Array(message.utf8).span) == prefix) }
    }
}
