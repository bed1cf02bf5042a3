import Testing
import UsherModel

@testable import UsherCrypto

@Suite struct DataKeyTests {
    private let user = UserID(UUIDv7(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001))
    private let other = UserID(UUIDv7(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0002))

    private func key(_ byte: UInt8 = 7) throws -> DataKey {
        try DataKey(secret: secret([UInt8](repeating: byte, count: 32)))
    }

    private func bytes(_ secret: borrowing SecretBytes) -> [UInt8] {
        secret.withBytes { bytes in bytes.indices.map { bytes[$0] } }
    }

    private func refusal(_ sealed: [UInt8], by key: DataKey, for user: UserID) -> UsherError? {
        do throws(UsherError) {
            _ = try key.open(sealed, for: user)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [0, 1, 20, 4_096]) func `what is sealed opens again`(_ count: Int) throws {
        let text = [UInt8]((0..<count).map { UInt8(truncatingIfNeeded: $0) })
        let sealed = try key().seal(secret(text), for: user)
        #expect(sealed.count == 12 + count + 16)
        #expect(bytes(try key().open(sealed, for: user)) == text)
    }

    /// By Python's cryptography: AESGCM(HMAC-SHA256(07…07, "usher data key AES-256-GCM")), nonce 00…0b, the id as associated data.
    @Test func `it is AES-256-GCM`() throws {
        let nonce = (0..<12).map(UInt8.init)
        let sealed = nonce + hex("4301107cc93bf3fa2d38e9805fd98c7bcdf9eae377633a9d9b551a105e3a27606ea49e0c")
        #expect(bytes(try key().open(sealed, for: user)) == Array("12345678901234567890".utf8))
        #expect(try key().identifier == "7z7soPYCtGqb")
    }

    @Test func `no two are alike`() throws {
        let text = [UInt8](repeating: 1, count: 20)
        let sealed = try (0..<3).map { _ in try key().seal(secret(text), for: user) }
        #expect(Set(sealed).count == 3)
    }

    @Test func `another key, another user or a changed byte opens nothing`() throws {
        let sealed = try key().seal(secret([UInt8](repeating: 1, count: 20)), for: user)
        for error in [refusal(sealed, by: try key(8), for: user), refusal(sealed, by: try key(), for: other)] {
            #expect(error?.code == .internal)
            #expect(error?.cause?.contains("sealed under another data key") == true)
        }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(refusal(changed, by: try key(), for: user)?.code == .internal)
            #expect(refusal(Array(sealed.prefix(index)), by: try key(), for: user)?.code == .internal)
        }
        #expect(refusal(sealed, by: try key(), for: user) == nil)
    }

    @Test func `the identifier tells keys apart`() throws {
        #expect(try key().identifier.count == 12)
        #expect(try key().identifier == key().identifier)
        #expect(try key().identifier != key(8).identifier)
    }
}
