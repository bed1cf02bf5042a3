import Testing
import UsherModel

@testable import UsherCrypto

/// A test case of RFC 4231 §4.
struct MACVector: Sendable, CustomTestStringConvertible {
    let section: String
    let key: [UInt8]
    let data: [UInt8]
    let macs: [MACAlgorithm: String]
    var testDescription: String { section }

    init(_ section: String, key: [UInt8], data: [UInt8], _ hs256: String, _ hs384: String, _ hs512: String) {
        self.section = section
        self.key = key
        self.data = data
        macs = [.hs256: hs256, .hs384: hs384, .hs512: hs512]
    }

    // §4.6 is about truncated output, which JWS does not have.
    static let all = [
        MACVector(
            "§4.2", key: Array(repeating: 0x0b, count: 20), data: Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        ),
        MACVector(
            "§4.3", key: Array("Jefe".utf8), data: Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
        MACVector(
            "§4.4", key: Array(repeating: 0xaa, count: 20), data: Array(repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"
        ),
        MACVector(
            "§4.5", key: Array(1...25), data: Array(repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"
        ),
        MACVector(
            "§4.7", key: Array(repeating: 0xaa, count: 131),
            data: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        ),
        MACVector(
            "§4.8", key: Array(repeating: 0xaa, count: 131),
            data: Array(
                """
                This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed \
                before being used by the HMAC algorithm.
                """.utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"
        ),
    ]
}

@Suite struct HMACKeyTests {
    private func key(_ algorithm: MACAlgorithm, _ bytes: [UInt8]) throws -> HMACKey {
        try HMACKey(algorithm: algorithm, secret: secret(bytes))
    }

    @Test("RFC 4231", arguments: MACVector.all, MACAlgorithm.allCases)
    func vectors(_ vector: MACVector, _ algorithm: MACAlgorithm) throws {
        let expected = hex(vector.macs[algorithm]!)
        let key = try key(algorithm, vector.key)
        #expect(key.sign(vector.data) == expected)
        #expect(key.isValid(expected, of: vector.data))
        let once = oneShotMAC(algorithm, key: secret(vector.key), message: vector.data.span)
        #expect(once == expected)
    }

    @Test("RFC 7515 appendix A.1") func signature() throws {
        let key = try key(
            .hs256, base64URL("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"))
        let input = Array(
            """
            eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
            """.utf8)
        #expect(key.isValid(base64URL("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), of: input))
        #expect(!key.isValid(base64URL("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXg"), of: input))
    }

    @Test("One context, thousands of messages of every length", arguments: MACAlgorithm.allCases)
    func reuse(_ algorithm: MACAlgorithm) throws {
        let bytes = (0..<64).map { UInt8($0 * 3 + 1) }
        let key = try key(algorithm, bytes)
        let text = (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 3) }
        var wrong: [Int] = []
        for index in 0..<4_000 {
            // Long and short ones take turns.
            let length = index.isMultiple(of: 2) ? index / 2 : 2_000 - index / 2
            var message = Array(text[..<length])
            // Some begin as the one before, others differ from it in one byte.
            if index.isMultiple(of: 3), length > 0 { message[index % min(length, 70)] ^= 0x80 }
            let expected = oneShotMAC(algorithm, key: secret(bytes), message: message.span)!
            if key.sign(message) != expected || !key.isValid(expected, of: message) { wrong.append(length) }
        }
        #expect(wrong == [])
    }

    @Test("An empty message has a MAC") func emptyMessage() throws {
        let key = try key(.hs256, Array("key".utf8))
        let empty: [UInt8] = []
        // From Python's hmac.
        #expect(key.sign(empty) == hex("5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0"))
        #expect(key.isValid(key.sign(empty), of: empty))
    }

    @Test("A signature of another length, or with any bit flipped, is not valid", arguments: MACAlgorithm.allCases)
    func wrongSignatures(_ algorithm: MACAlgorithm) throws {
        let key = try key(algorithm, Array(repeating: 7, count: 64))
        let message = Array("eyJhbGciOiJIUzI1NiJ9.e30".utf8)
        let right = key.sign(message)
        for length in 0..<right.count { #expect(!key.isValid(Array(right[..<length]), of: message)) }
        #expect(!key.isValid((right + [0]), of: message))
        #expect(!key.isValid((right + right), of: message))
        for bit in 0..<right.count * 8 {
            var flipped = right
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!key.isValid(flipped, of: message))
        }
        #expect(key.isValid(right, of: message))
    }

    @Test("kid: stable, other for another secret or algorithm") func identifier() throws {
        let bytes = Array("0123456789abcdef0123456789abcdef".utf8)
        let first = try key(.hs256, bytes)
        #expect(first.identifier == (try key(.hs256, bytes)).identifier)
        // Pinned: a change would make every token that is out there one of an unknown key. Computed with Python's hmac.
        #expect(first.identifier == "ZbumaV5ybVxm")
        let others = [
            try key(.hs384, bytes), try key(.hs512, bytes), try key(.hs256, bytes + [1]),
            try key(.hs256, Array(bytes.reversed())),
        ]
        #expect(Set(others.map(\.identifier) + [first.identifier]).count == 5)
    }

    @Test("kid is twelve characters of base64url") func identifierForm() throws {
        for algorithm in MACAlgorithm.allCases {
            for seed in UInt8(0)..<50 {
                let identifier = try key(algorithm, Array(repeating: seed, count: 64)).identifier
                #expect(base64URL(identifier).count == 9)
                #expect(identifier.utf8.count == 12)
            }
        }
    }
}

@Suite struct OpenSSLHashTests {
    /// RFC 2202 §3, cases 1, 2 and 6.
    @Test(
        arguments: [
            ([UInt8](repeating: 0x0b, count: 20), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (Array("Jefe".utf8), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (
                [UInt8](repeating: 0xaa, count: 80), "Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112"
            ),
        ]) func hmacSHA1(_ key: [UInt8], _ data: String, _ mac: String)
    {
        #expect(OpenSSLHash().hmacSHA1(key: secret(key), message: Array(data.utf8).span) == hex(mac))
    }

    @Test("RFC 4231", arguments: MACVector.all) func vectors(_ vector: MACVector) {
        let mac = OpenSSLHash().hmacSHA256(key: secret(vector.key), message: vector.data.span)
        #expect(mac == hex(vector.macs[.hs256]!))
    }

    @Test("From several threads at once") func threads() async {
        let vector = MACVector.all[3]
        let macs = await withTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<200 {
                group.addTask { OpenSSLHash().hmacSHA256(key: secret(vector.key), message: vector.data.span) }
            }
            return await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(macs == [hex(vector.macs[.hs256]!)])
    }
}
