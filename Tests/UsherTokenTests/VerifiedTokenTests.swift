import Testing
import UsherCrypto
import UsherJSON
import UsherModel
import UsherTesting

@testable import UsherToken

@Suite struct VerifiedTokenTests {
    // MARK: Form

    @Test(arguments: [
        "", ".", "..", "...", "a", "a.b", "a.", ".b", "a..c", ".b.c", "a.b.", "a..", ".b.", "..c", "a.b.c.", ".a.b.c", "....",
    ])
    func `what has not three parts is no token`(_ text: String) {
        let fault = #expect(throws: UsherError.self) { try UnverifiedToken(parsing: Array(text.utf8).span) }
        #expect(fault?.code == .tokenInvalid)
    }

    /// A dot more, between the first and the last, is told as base64url that is none.
    @Test(arguments: ["a.b.c", "é.é.é", "\0.\0.\0", "a.b.c\n", "a.b.c.d", "a.b..c"])
    func `what has three parts but nothing right in them`(_ text: String) throws {
        #expect(try Forge().code(text) == .tokenInvalid)
    }

    // MARK: The published vector

    /// RFC 7515 appendix A.1.
    @Test func `the example of JWS has a right signature, and is refused for its typ`() throws {
        let jwk = Array("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8)
        let text = Array(
            """
            eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk
            """.utf8)
        let secret = try #require(Base64URLTests.decoded(jwk))
        let key = try HMACKey(algorithm: .hs256, secret: SecretBytes(copying: secret.span))
        let dot = try #require(text.lastIndex(of: UInt8(ascii: ".")))
        let signature = try #require(Base64URLTests.decoded(text, in: dot + 1..<text.count))
        let input = Array(text[..<dot])
        let isValid = key.isValid(signature.span, of: input.span)
        #expect(isValid)
        #expect(key.sign(input.span) == signature)
        let workspace = TokenWorkspace(accessHeader: [], refreshHeader: [])
        func fault(_ type: TokenType) -> UsherError? {
            do throws(UsherError) {
                _ = try UnverifiedToken(parsing: text.span).verified(by: key, as: type, in: text.span, using: workspace)
                return nil
            } catch {
                return error
            }
        }
        #expect(fault(.access) == UsherError(.tokenInvalid, "The token's typ is not at+jwt."))
        #expect(fault(.refresh) == UsherError(.tokenInvalid, "The token's typ is not rt+jwt."))
    }

    // MARK: Header

    /// `KID` stands for the key's own identifier.
    @Test(arguments: [
        #"{"alg":"HS256","typ":"at+jwt"}"#, #"{"alg":"HS256","kid":"KID","typ":"at+jwt"}"#, #"{"typ":"at+jwt","alg":"HS256"}"#,
        #" { "alg" : "HS256" , "typ" : "at+jwt" } "#, "{\"alg\":\"HS256\",\r\n\"typ\":\"at+jwt\"}",
        #"{"alg":"\u0048S256","typ":"at\u002bjwt"}"#,
        #"{"\u0061lg":"HS256","t\u0079p":"at+jwt"}"#, #"{"alg":"HS256","typ":"AT+JWT"}"#, #"{"alg":"HS256","typ":"At+Jwt"}"#,
        #"{"alg":"HS256","typ":"application/at+jwt"}"#, #"{"alg":"HS256","typ":"APPLICATION/AT+JWT"}"#,
        #"{"alg":"HS256","typ":"application\/at+jwt"}"#,
        // Keys that come with the token, and where to fetch some, are not looked at.
        #"{"alg":"HS256","typ":"at+jwt","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://evil/","x5u":"https://evil/","x5c":["AAAA"]}"#,
        #"{"alg":"HS256","typ":"at+jwt","jwk":null,"jku":1,"x5c":[],"x5t":"x","cty":"JWT","b64":false,"zip":"DEF","x":{"crit":1}}"#,
    ])
    func `a header that will do`(_ header: String) throws {
        let forge = try Forge()
        let header = header.replacing("KID", with: forge.access.identifier)
        #expect(forge.code(forge.token(header: header, Forge.payload())) == nil)
    }

    @Test(arguments: [
        // alg
        #"{"typ":"at+jwt"}"#, #"{"alg":null,"typ":"at+jwt"}"#, #"{"alg":"","typ":"at+jwt"}"#, #"{"alg":"none","typ":"at+jwt"}"#,
        #"{"alg":"None","typ":"at+jwt"}"#, #"{"alg":"hs256","typ":"at+jwt"}"#, #"{"alg":"HS256 ","typ":"at+jwt"}"#,
        #"{"alg":"HS25","typ":"at+jwt"}"#,
        #"{"alg":"HS384","typ":"at+jwt"}"#, #"{"alg":"HS512","typ":"at+jwt"}"#, #"{"alg":"RS256","typ":"at+jwt"}"#,
        #"{"alg":"ES256","typ":"at+jwt"}"#,
        #"{"alg":"EdDSA","typ":"at+jwt"}"#, #"{"alg":256,"typ":"at+jwt"}"#, #"{"alg":["HS256"],"typ":"at+jwt"}"#,
        #"{"alg":{"HS256":1},"typ":"at+jwt"}"#,
        #"{"alg":true,"typ":"at+jwt"}"#, #"{"ALG":"HS256","typ":"at+jwt"}"#, #"{"x":{"alg":"HS256"},"typ":"at+jwt"}"#,
        #"{"alg":"HS256\u0000","typ":"at+jwt"}"#,
        // crit, whatever it says
        #"{"alg":"HS256","typ":"at+jwt","crit":["exp"]}"#, #"{"alg":"HS256","typ":"at+jwt","crit":[]}"#,
        #"{"alg":"HS256","typ":"at+jwt","crit":null}"#,
        #"{"alg":"HS256","typ":"at+jwt","crit":""}"#, #"{"alg":"HS256","typ":"at+jwt","crit":{}}"#,
        #"{"alg":"HS256","typ":"at+jwt","crit":false}"#,
        #"{"alg":"HS256","typ":"at+jwt","\u0063rit":[]}"#,
        // kid
        #"{"alg":"HS256","typ":"at+jwt","kid":"unknown"}"#, #"{"alg":"HS256","typ":"at+jwt","kid":""}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":null}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":1}"#, #"{"alg":"HS256","typ":"at+jwt","kid":["KID"]}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":{"KID":1}}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":true}"#, #"{"alg":"HS256","typ":"at+jwt","kid":"KID "}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KIDx"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KID\u0000"}"#,
        // typ
        #"{"alg":"HS256"}"#, #"{"alg":"HS256","typ":null}"#, #"{"alg":"HS256","typ":""}"#, #"{"alg":"HS256","typ":"JWT"}"#,
        #"{"alg":"HS256","typ":"rt+jwt"}"#,
        #"{"alg":"HS256","typ":"at+jwt "}"#, #"{"alg":"HS256","typ":" at+jwt"}"#, #"{"alg":"HS256","typ":"at"}"#,
        #"{"alg":"HS256","typ":"jwt"}"#,
        #"{"alg":"HS256","typ":"application/"}"#, #"{"alg":"HS256","typ":"application/application/at+jwt"}"#,
        #"{"alg":"HS256","typ":"text/at+jwt"}"#,
        #"{"alg":"HS256","typ":"/at+jwt"}"#, #"{"alg":"HS256","typ":"application/at+jwt;v=1"}"#, #"{"alg":"HS256","typ":1}"#,
        #"{"alg":"HS256","typ":["at+jwt"]}"#, #"{"alg":"HS256","typ":"at+jwt\u0000"}"#, #"{"alg":"HS256","TYP":"at+jwt"}"#,
        // JSON
        #"{"alg":"HS256","typ":"at+jwt","alg":"HS256"}"#, #"{"alg":"HS256","typ":"at+jwt","typ":"at+jwt"}"#,
        #"{"alg":"HS256","typ":"at+jwt","\u0061lg":"none"}"#,
        #"{"alg":"HS256","typ":"at+jwt","x":1,"x":2}"#, #"{"alg":"HS256","typ":"at+jwt"}x"#, #"{"alg":"HS256","typ":"at+jwt"}{}"#,
        #"["HS256","at+jwt"]"#, "1",
        #""HS256""#, "null", "{", "{}", " ", #"{"alg":"HS256","typ":"at+jwt",}"#,
        "\u{feff}{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}\0", #"{"alg":"HS256","typ":"at+jwt","x":"\ud800"}"#,
        #"{"alg":"HS256","typ":"at+jwt","x":"# + String(repeating: "[", count: 32) + String(repeating: "]", count: 32) + "}",
    ])
    func `a header that will not do, under a right signature`(_ header: String) throws {
        let forge = try Forge()
        let header = header.replacing("KID", with: forge.access.identifier)
        #expect(forge.code(forge.token(header: header, Forge.payload())) == .tokenInvalid)
    }

    @Test func `a header that is no UTF-8 will not do`() throws {
        let forge = try Forge()
        let header = Array(#"{"alg":"HS256","typ":"at+jwt","x":""#.utf8) + [0xff] + Array(#""}"#.utf8)
        #expect(forge.code(forge.token(header: header, Array(Forge.payload().utf8))) == .tokenInvalid)
    }

    @Test func `a kid is compared byte for byte`() throws {
        // The Kelvin sign is canonically equivalent to K (Unicode): to Swift's == they are the same.
        for fill in UInt8(1)...120 {
            let forge = try Forge(fill: fill)
            guard forge.access.identifier.contains("K") else { continue }
            let kid = forge.access.identifier.replacing("K", with: "\u{212A}")
            for kid in [kid, kid.replacing("\u{212A}", with: #"\u212A"#)] {
                let header = #"{"alg":"HS256","typ":"at+jwt","kid":"\#(kid)"}"#
                #expect(forge.code(forge.token(header: header, Forge.payload())) == .tokenInvalid)
            }
            return
        }
        Issue.record("no key has a K in its identifier")
    }

    // MARK: Signature

    @Test(arguments: MACAlgorithm.allCases)
    func `each algorithm verifies its own and no other`(_ algorithm: MACAlgorithm) throws {
        var settings = TokenSettings()
        settings.algorithm = algorithm
        let forge = try Forge(settings)
        #expect(forge.code(forge.token(header: Forge.header(alg: algorithm.rawValue), Forge.payload())) == nil)
        for other in MACAlgorithm.allCases where other != algorithm {
            let key = try HMACKey(algorithm: other, secret: secret(1))
            #expect(forge.code(forge.token(header: Forge.header(alg: other.rawValue), Forge.payload(), by: key)) == .tokenInvalid)
            #expect(
                forge.code(forge.token(header: Forge.header(alg: algorithm.rawValue), Forge.payload(), by: key)) == .tokenInvalid)
        }
    }

    @Test func `signatures that are another key's, of other text, short, long or noncanonical are wrong`() throws {
        let forge = try Forge()
        let good = forge.token(Forge.payload())
        #expect(forge.code(good) == nil)
        let dot = try #require(good.lastIndex(of: "."))
        let input = String(good[..<dot])
        let signature = String(good[good.index(after: dot)...])
        let raw = try #require(Base64URLTests.decoded(Array(signature.utf8)))
        var wrong = [
            forge.token(Forge.payload(), by: forge.refresh), forge.token(Forge.payload(), by: try Forge(fill: 2).access),
            input + ".AAAA", input + ".A",
            input + "." + String(repeating: "A", count: 43), good + "A", good + "=", good + " ", good + "\n", " " + good,
            String(good.dropLast()),
            input + "." + base64URL(Array(raw.dropLast())), input + "." + base64URL(raw + [0]),
            input + "." + base64URL(raw + raw),
            input + "x." + signature, input + "." + signature.replacing("A", with: "+"), input + "." + base64URL(raw.reversed()),
        ]
        for (index, _) in raw.enumerated() {
            for bit in 0..<8 {
                var changed = raw
                changed[index] ^= 1 << UInt8(bit)
                wrong.append(input + "." + base64URL(changed))
            }
        }
        for token in wrong where token != good { #expect(forge.code(token) == .tokenInvalid) }
    }

    @Test func `changing any one character makes a token fail`() throws {
        let forge = try Forge()
        for token in [
            try forge.issuer.accessToken(
                id: .sample, user: .sample(), session: Session.sample().id, audience: "usher", issuedAt: 1000, expiresAt: 2000),
            forge.token(header: #"{"typ":"application/at+jwt","alg":"HS256"}"#, Forge.payload()),
        ] {
            let good = Array(token.utf8)
            #expect(forge.code(good) == nil)
            let others = Base64URLTests.alphabet + Array(".=+/ \n\0".utf8) + [0x80, 0xff]
            for index in good.indices {
                for other in others where other != good[index] {
                    var changed = good
                    changed[index] = other
                    if forge.code(changed) != .tokenInvalid { Issue.record("\(other) at \(index)") }
                }
                var shorter = good
                shorter.remove(at: index)
                if forge.code(shorter) != .tokenInvalid { Issue.record("without \(index)") }
                var longer = good
                longer.insert(good[index], at: index)
                if forge.code(longer) != .tokenInvalid { Issue.record("\(index) twice") }
                if forge.code(Array(good[..<index])) != .tokenInvalid { Issue.record("up to \(index)") }
            }
        }
    }

    // MARK: Payload

    @Test(
        arguments: [
            "[]", "1", "null", "\"\"", "", " ", "{", "{}", "{}}", "\u{feff}{}", #"{"a":1,"a":2}"#, #"{"a":"\ud800"}"#,
            Forge.payload() + "x", Forge.payload() + Forge.payload(), Forge.payload(("x", #"{"a":1,"a":2}"#)),
            Forge.payload(("x", "01")), Forge.payload(("x", "")),
            Forge.payload().dropLast() + #","exp":9000}"#, Forge.payload().dropLast() + #","\u0065xp":9000}"#,
            Forge.payload().dropLast() + #","aud":"x"}"#,
            Forge.payload(("x", String(repeating: "[", count: 32) + String(repeating: "]", count: 32))),
            Forge.payload(("x", "\"\n\"")), Forge.payload(("x", "\"\0\"")),
        ] as [String])
    func `a signed payload that is no JSON object of ours`(_ payload: String) throws {
        let forge = try Forge()
        // An empty part has no form to begin with.
        #expect(forge.code(forge.token(payload)) == .tokenInvalid)
    }

    @Test func `a signed payload that is no base64url, or no UTF-8`() throws {
        let forge = try Forge()
        let header = base64URL(Array(Forge.header().utf8))
        let payload = base64URL(Array(Forge.payload().utf8))
        #expect(forge.code(forge.signed(header + "." + payload)) == nil)
        for changed in [
            payload + "=", payload + "==", payload + "A", payload + "*", payload + "." + payload, payload + ".", "." + payload,
            "+" + payload.dropFirst(), payload + "\n", " " + payload,
            "e", "e30B", "e31",
        ] {
            #expect(forge.code(forge.signed(header + "." + changed)) == .tokenInvalid)
        }
        for bytes in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]] as [[UInt8]] {
            let payload = Array(Forge.payload(("x", "\"¤\"")).utf8)
            let at = try #require(payload.firstIndex(of: 0xc2))
            let changed = Array(payload[..<at]) + bytes + Array(payload[(at + 2)...])
            #expect(forge.code(forge.token(header: Array(Forge.header().utf8), changed)) == .tokenInvalid)
        }
    }

    @Test func `a workspace holds nothing over from token to token`() throws {
        let forge = try Forge()
        let workspace = forge.issuer.workspace
        let random = SeededRandom()
        let long = Forge.payload(("x", "\"" + String(repeating: "long ", count: 200) + "\""))
        let tokens: [(String, String?)] = [
            (forge.token(long), long), (forge.token(Forge.payload()), Forge.payload()), (forge.token("{}"), nil),
            (forge.token("{"), nil), ("a.b.c", nil),
            (forge.token(Forge.payload(("exp", nil))), nil), (forge.signed("e30.e30"), nil),
            (forge.token(Forge.payload(("y", "1"))), Forge.payload(("y", "1"))),
        ]
        for _ in 0..<300 {
            let (token, payload) = tokens[Int(random.word() % UInt64(tokens.count))]
            let text = Array(token.utf8)
            var seen: String?
            do throws(UsherError) {
                let token = try AccessToken(forge.verified(text, by: forge.access, as: .access, workspace), issuer: "usher")
                var writer = JSONWriter()
                token.writeClaims(to: &writer)
                seen = String(decoding: writer.bytes, as: UTF8.self)
                token.recycle(to: workspace)
            } catch {
                #expect(error.code == .tokenInvalid)
            }
            #expect(seen == payload)
        }
    }
}
