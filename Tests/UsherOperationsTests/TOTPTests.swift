import Testing
import UsherCrypto
import UsherModel

@testable import UsherOperations

@Suite struct TOTPTests {
    private let hash = OpenSSLHash()
    /// The secret of both RFCs.
    private let secret = SharedSecret(SecretBytes(copying: Array("12345678901234567890".utf8).span))

    @Test("RFC 4226, appendix D") func hotp() {
        let values: [UInt32] = [755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489]
        #expect((0..<10).map { TOTP.value(of: $0, secret: secret.bytes, hash: hash) } == values)
    }

    @Test(
        "RFC 6238, appendix B",
        arguments: [
            (59, 0x1, 94_287_082), (1_111_111_109, 0x23_523ec, 7_081_804), (1_111_111_111, 0x23_523ed, 14_050_471),
            (1_234_567_890, 0x273_ef07, 89_005_924), (2_000_000_000, 0x3f9_40aa, 69_279_037),
            (20_000_000_000, 0x27bc_86aa, 65_353_130),
        ] as [(Int64, Int64, UInt32)])
    func totp(_ time: Int64, _ step: Int64, _ value: UInt32) {
        #expect(TOTP.step(at: time) == step)
        #expect(TOTP.value(of: step, secret: secret.bytes, digits: 8, hash: hash) == value)
        #expect(TOTP.value(of: step, secret: secret.bytes, hash: hash) == value % 1_000_000)
    }

    @Test func `a code is good a step before and after its own, and no longer`() {
        let code = TOTP.value(of: 1000, secret: secret.bytes, hash: hash)
        func step(_ now: NumericDate, after last: Int64 = 0) -> Int64? {
            TOTP.step(of: code, at: now, after: last, secret: secret.bytes, hash: hash)
        }
        #expect((29_970..<30_060).allSatisfy { step($0) == 1000 })
        #expect(step(29_969) == nil)
        #expect(step(30_060) == nil)
        #expect(step(30_000, after: 999) == 1000)
        #expect(step(30_000, after: 1000) == nil)
        #expect(step(30_000, after: 1001) == nil)
    }

    @Test func `a clock that is wrong by decades does no harm`() {
        for now in [.min, -1, 0, 29, Int64(1) << 53] as [NumericDate] {
            #expect(TOTP.step(of: 1_000_000, at: now, after: 0, secret: secret.bytes, hash: hash) == nil)
        }
    }
}

@Suite struct Base32Tests {
    @Test(
        "RFC 4648, §10",
        arguments: [
            ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ]) func vectors(_ text: String, _ encoded: String)
    {
        var bytes: [UInt8] = []
        Base32.append(Array(text.utf8).span, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == encoded)
    }
}

@Suite struct SecondFactorCodeTests {
    private func read(_ text: String) -> String {
        switch SecondFactorCode(SecretBytes(copying: Array(text.utf8).span)) {
        case .digits(let number): "\(number)"
        case .recovery(let secret):
            secret.bytes.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
        case .neither: "neither"
        }
    }

    @Test(
        arguments: [
            ("012345", "12345"), ("123 456", "123456"), (" 123-456 ", "123456"), ("999999", "999999"),
            ("abcd-efgh-ijkl-2345", "abcdefghijkl2345"), ("ABCD EFGH IJKL 2345", "abcdefghijkl2345"),
            ("aBcDeFgHiJkL2345", "abcdefghijkl2345"),
        ]) func `people type codes in many ways`(_ text: String, _ code: String)
    {
        #expect(read(text) == code)
    }

    @Test(arguments: [
        "", " - ", "12345", "1234567", "12345a", "１２３４５６", "-12345", "+12345", "123456\u{0}", "abcd-efgh-ijkl-234",
        "abcd-efgh-ijkl-23456", String(repeating: "a", count: 4_000),
    ]) func `what is no code is none`(_ text: String) { #expect(read(text) == "neither") }
}

@Suite struct RecoveryCodeTests {
    private let hash = OpenSSLHash()
    private let user = UserID(UUIDv7(high: 1, low: 2))

    private func use(_ code: String, _ digests: [[UInt8]], of user: UserID? = nil) -> [[UInt8]]? {
        guard case .recovery(let secret) = SecondFactorCode(SecretBytes(copying: Array(code.utf8).span)) else { return nil }
        return RecoveryCode.use(secret.bytes, of: user ?? self.user, among: digests, hash: hash)
    }

    @Test func `each is good once, for one user, in any order`() throws {
        let codes = RecoveryCode.generate(for: user, random: OpenSSLRandom(), hash: hash)
        #expect(Set(codes.texts).count == 10)
        #expect(Set(codes.digests).count == 10)
        for text in codes.texts { #expect(text.wholeMatch(of: #/[a-z2-7]{4}(-[a-z2-7]{4}){3}/#) != nil) }
        #expect(use(codes.texts[0], codes.digests, of: UserID(UUIDv7(high: 1, low: 3))) == nil)
        var left = codes.digests
        for text in codes.texts.shuffled() {
            let after = try #require(use(text.uppercased(), left))
            #expect(after.count == left.count - 1)
            #expect(use(text, after) == nil)
            left = after
        }
        #expect(left.isEmpty)
    }

    @Test func `no other code is good`() {
        let digests = (0..<10).flatMap { _ in
            RecoveryCode.generate(for: user, random: OpenSSLRandom(), hash: hash).digests
        }
        for _ in 0..<100 {
            let others = RecoveryCode.generate(for: user, random: OpenSSLRandom(), hash: hash)
            for text in others.texts { #expect(use(text, digests) == nil) }
        }
    }
}
