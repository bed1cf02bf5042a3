import Testing
import UsherModel

@testable import UsherCrypto

@Suite struct OpenSSLRandomTests {
    @Test("Every bit of a word is sometimes set and sometimes not, and no word comes twice") func words() {
        let words = (0..<1_000).map { _ in OpenSSLRandom().word() }
        #expect(Set(words).count == 1_000)
        #expect(words.reduce(0, |) == .max)
        #expect(words.reduce(.max, &) == 0)
    }

    @Test("A secret has its length and is filled to the end", arguments: [0, 1, 31, 32, 64, 4_096]) func secrets(_ count: Int) {
        var seen = [UInt8](repeating: 0, count: count)
        for _ in 0..<20 {
            let secret = OpenSSLRandom().secret(count: count)
            #expect(secret.count == count)
            secret.withBytes { bytes in for index in bytes.indices { seen[index] |= bytes[index] } }
        }
        #expect(!seen.contains(0))
    }

    @Test("No secret comes twice") func distinct() {
        let first = OpenSSLRandom().secret(count: 32)
        let second = OpenSSLRandom().secret(count: 32)
        let isSame = first == second
        #expect(!isSame)
    }
}
