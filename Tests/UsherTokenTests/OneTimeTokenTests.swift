import Testing
import UsherCrypto
import UsherModel
import UsherTesting
import UsherToken

struct OneTimeTokenTests {
    @Test func eachIsNewAndComesBack() throws {
        let random = SeededRandom()
        let first = OneTimeToken(random: random)
        let second = OneTimeToken(random: random)
        #expect(first.text.utf8.count == 43 && first.text != second.text)
        #expect(try OneTimeToken(parsing: first.text).text == first.text)
    }

    /// As Python's hmac and base64 have it: tokens outlive an upgrade of the daemon.
    @Test func theDigestIsKeyedByTheToken() throws {
        let token = try OneTimeToken(parsing: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
        #expect(token.digest(for: .reset, hash: OpenSSLHash()) == "Ft43KdDTBDTI7evSKL5Yzndg7rWtvN93V71ok62imAI")
        #expect(token.digest(for: .confirmation, hash: OpenSSLHash()) == "pWJFwG7Lu5PlWvaaYG0yT_Z1iPPuTeVfhWct6sd_kjA")
    }

    @Test(arguments: ["", "x", String(repeating: "a", count: 42), String(repeating: "a", count: 44)])
    func whatHasAnotherLengthIsNone(_ text: String) {
        #expect(throws: UsherError(.tokenInvalid)) { try OneTimeToken(parsing: text) }
    }
}
