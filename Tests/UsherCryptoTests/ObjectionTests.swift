import Testing
import UsherModel

@testable import UsherCrypto

/// What hashes of crypt(5) may be brought along.
struct ObjectionTests {
    private let hasher: CryptHasher

    init() throws { hasher = try CryptHasher(settings: PasswordSettings(scheme: .bcrypt, cost: 4)) }

    @Test(
        arguments: [
            "$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa",
            "$2y$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa",
            "$5$salt$" + String(repeating: "a", count: 43), "$6$rounds=5000$salt$" + String(repeating: "a", count: 86),
            "$y$j9T$salt$" + String(repeating: "a", count: 43), "$7$CU..../....salt$" + String(repeating: "a", count: 43),
        ])
    func theseMayBe(_ hash: String) { #expect(hasher.objection(to: PasswordHash(hash)) == nil) }

    @Test(
        arguments: [
            "", "password123", "ab1Q0xZ3b2c4M", "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "5f4dcc3b5aa765d61d8327deb882cf99", "$2b$",
            "$2b$31$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa",
            "$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWL",
            "$6$rounds=999999999$salt$" + String(repeating: "a", count: 86), "$6$salt$" + String(repeating: "a", count: 85),
            "$y$jzT$salt$" + String(repeating: "a", count: 43), "$6$sa\u{0}lt$" + String(repeating: "a", count: 86),
        ])
    func theseMayNot(_ hash: String) throws {
        let objection = try #require(hasher.objection(to: PasswordHash(hash)))
        #expect(hash.isEmpty || !objection.contains(hash))
    }

    @Test func whatIsMadeHereMayBe() throws {
        let password = SecretBytes(copying: Array("correct horse".utf8).span)
        #expect(hasher.objection(to: try hasher.hash(password)) == nil)
        #expect(hasher.objection(to: hasher.decoy(like: nil)) == nil)
    }
}
