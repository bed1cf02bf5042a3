import Testing
import UsherCrypto
import UsherModel

@testable import UsherToken

@Suite struct RefreshTokenTests {
    static let hash = OpenSSLHash()

    static func payload(_ changes: (name: String, json: String?)...) -> String {
        let session = Session.sample()
        let proof = String(decoding: RefreshToken.proof(seed: session.seed, generation: 1, hash: hash), as: UTF8.self)
        var claims: [(name: String, json: String)] = [
            ("sid", "\"\(Forge.sid)\""), ("gen", "1"), ("jti", "\"\(proof)\""), ("exp", "9000"),
        ]
        for change in changes {
            claims.removeAll { $0.name == change.name }
            if let json = change.json { claims.append((change.name, json)) }
        }
        return "{" + claims.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",") + "}"
    }

    static func forged(_ forge: Forge, _ payload: String, typ: String = "rt+jwt") -> String {
        forge.token(header: Forge.header(typ: typ), payload, by: forge.refresh)
    }

    /// HMAC-SHA256 by Python's hmac.
    @Test(
        arguments: [
            (1, "haRtYK_9hRykQACAY6XWPRmwYjcNPXl_tGPKCAZnlsc"), (2, "dbAZgVnTcDj42Y5Y7SozX_dBGS0oGByA6t63B0x_6d0"),
            (0x0102_0304_0506_0708, "73j10RtPqJIArauz8I6y8CN_4nxUIkFWRplO4nVcmsw"),
            (Int64.max, "QJC4d04UspvMjBjum95GdfZ4BFHGQZbdNO8iYIWb5Lk"),
        ] as [(Int64, String)])
    func `the proof is what it says to be`(_ generation: Int64, _ proof: String) {
        let seed = SharedSecret(secret(42, count: 32))
        #expect(String(decoding: RefreshToken.proof(seed: seed, generation: generation, hash: Self.hash), as: UTF8.self) == proof)
    }

    @Test(arguments: MACAlgorithm.allCases)
    func `what is issued is genuine`(_ algorithm: MACAlgorithm) throws {
        var settings = TokenSettings()
        settings.algorithm = algorithm
        let forge = try Forge(settings)
        for generation in [1, 2, 1 << 40, Int64.max] as [Int64] {
            let session = Session.sample(generation: generation)
            let text = forge.issuer.refreshToken(of: session, issuedAt: 1000)
            let parts = try TokenIssuerTests.parts(text)
            #expect(parts[0] == #"{"alg":"\#(algorithm.rawValue)","kid":"\#(forge.refresh.identifier)","typ":"rt+jwt"}"#)
            let token = try forge.refreshToken(text)
            #expect(token.session == session.id)
            #expect(token.generation == generation)
            #expect(token.expiresAt == 9000)
            #expect(token.isGenuine(seed: session.seed, hash: Self.hash))
            #expect(!token.isExpired(now: 8999))
            #expect(token.isExpired(now: 9000))
        }
    }

    @Test func `neither the secret nor the seed alone makes one`() throws {
        let forge = try Forge()
        let session = Session.sample()
        // With the signing secret alone: a proof cannot be made, nor taken from another generation or session.
        let proofs = [
            String(decoding: RefreshToken.proof(seed: session.seed, generation: 2, hash: Self.hash), as: UTF8.self),
            String(
                decoding: RefreshToken.proof(seed: Session.sample(seed: 7).seed, generation: 1, hash: Self.hash), as: UTF8.self),
            String(repeating: "A", count: 43), "", "x", Forge.jti,
        ]
        for proof in proofs {
            let token = try forge.refreshToken(Self.forged(forge, Self.payload(("jti", "\"\(proof)\""))))
            #expect(!token.isGenuine(seed: session.seed, hash: Self.hash))
        }
        #expect(
            try !forge.refreshToken(Self.forged(forge, Self.payload(("gen", "2")))).isGenuine(seed: session.seed, hash: Self.hash)
        )
        // Any one character of the proof.
        let right = Self.payload()
        #expect(try forge.refreshToken(Self.forged(forge, right)).isGenuine(seed: session.seed, hash: Self.hash))
        let proof = Array(RefreshToken.proof(seed: session.seed, generation: 1, hash: Self.hash))
        for index in proof.indices {
            var changed = proof
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let token = try forge.refreshToken(
                Self.forged(forge, Self.payload(("jti", "\"\(String(decoding: changed, as: UTF8.self))\""))))
            #expect(!token.isGenuine(seed: session.seed, hash: Self.hash))
        }
        // With the seed alone: no signature.
        #expect(throws: UsherError(.tokenInvalid, "The token's signature is wrong.")) {
            try forge.refreshToken(forge.token(header: Forge.header(typ: "rt+jwt"), right, by: forge.access))
        }
    }

    @Test(
        arguments: [
            ("sid", nil), ("sid", "null"), ("sid", #""""#), ("sid", #""x""#), ("sid", "1"), ("sid", "[]"),
            ("sid", #""01900000-0000-7000-8000-00000000000A""#),
            ("gen", nil), ("gen", "null"), ("gen", "0"), ("gen", "-1"), ("gen", "1.0"), ("gen", "1e0"), ("gen", #""1""#),
            ("gen", "9223372036854775808"), ("gen", "true"),
            ("exp", nil), ("exp", "null"), ("exp", #""9000""#), ("exp", "1e400"), ("exp", "9007199254740992"), ("jti", nil),
            ("jti", "null"), ("jti", "1"),
            ("jti", "[]"), ("x", "01"), ("\\u0073id", #""x""#),
        ] as [(String, String?)])
    func `a claim that lacks or is of the wrong type`(_ name: String, _ json: String?) throws {
        let forge = try Forge()
        let fault = #expect(throws: UsherError.self) { try forge.refreshToken(Self.forged(forge, Self.payload((name, json)))) }
        #expect(fault?.code == .tokenInvalid)
    }

    @Test func `claims may be escaped, and dates have fractions`() throws {
        let forge = try Forge()
        let payload = Self.payload(("exp", nil), ("gen", nil), (#"\u0065xp"#, "9000.5"), (#"\u0067en"#, "1"))
        let token = try forge.refreshToken(Self.forged(forge, payload))
        #expect(!token.isExpired(now: 9000))
        #expect(token.isExpired(now: 9001))
        #expect(token.isGenuine(seed: Session.sample().seed, hash: Self.hash))
    }

    @Test func `one kind of token is never taken for the other`() throws {
        let forge = try Forge()
        let access = try TokenIssuerTests.issue(forge, .sample())
        let refresh = forge.issuer.refreshToken(of: .sample(), issuedAt: 1000)
        #expect(forge.code(refresh) == .tokenInvalid)
        #expect(throws: UsherError.self) { try forge.refreshToken(access) }
        // Not even under the right key: the header says which it is, the usual one of the other kind included.
        let claims =
            "{" + Self.payload().dropFirst().dropLast() + ","
            + Forge.payload(("sid", nil), ("exp", nil), ("jti", nil)).dropFirst()
        #expect(forge.code(forge.token(claims)) == nil)
        #expect(forge.code(forge.token(header: Forge.header(typ: "rt+jwt"), claims)) == .tokenInvalid)
        #expect(throws: Never.self) { try forge.refreshToken(Self.forged(forge, claims)) }
        #expect(throws: UsherError.self) { try forge.refreshToken(Self.forged(forge, claims, typ: "at+jwt")) }
        #expect(throws: UsherError.self) { try forge.refreshToken(Self.forged(forge, claims, typ: "JWT")) }
        let accessHeader = String(access.prefix { $0 != "." })
        let refreshHeader = String(refresh.prefix { $0 != "." })
        let body = base64URL(Array(claims.utf8))
        #expect(forge.code(forge.signed("\(accessHeader).\(body)")) == nil)
        #expect(forge.code(forge.signed("\(refreshHeader).\(body)")) == .tokenInvalid)
        #expect(throws: UsherError.self) { try forge.refreshToken(forge.signed("\(accessHeader).\(body)", by: forge.refresh)) }
        #expect(throws: Never.self) { try forge.refreshToken(forge.signed("\(refreshHeader).\(body)", by: forge.refresh)) }
    }

    @Test func `changing any one character makes a token fail`() throws {
        let forge = try Forge()
        let good = Array(forge.issuer.refreshToken(of: .sample(), issuedAt: 1000).utf8)
        for index in good.indices {
            for other in Array("AQgw_-.=".utf8) where other != good[index] {
                var changed = good
                changed[index] = other
                do throws(UsherError) {
                    _ = try forge.refreshToken(String(decoding: changed, as: UTF8.self))
                    Issue.record("\(other) at \(index)")
                } catch {
                    #expect(error.code == .tokenInvalid)
                }
            }
        }
    }
}
