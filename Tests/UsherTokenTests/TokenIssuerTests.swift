import Testing
import UsherJSON
import UsherModel

@testable import UsherToken

@Suite struct TokenIssuerTests {
    static func issue(_ forge: Forge, _ user: User) throws -> String {
        try forge.issuer.accessToken(
            id: UUIDv7.sample, user: user, session: Session.sample().id, audience: "usher", issuedAt: 1000, expiresAt: 2000)
    }

    static func parts(_ token: String) throws -> [String] {
        try token.split(separator: ".").prefix(2).map {
            String(decoding: try #require(Base64URLTests.decoded(Array($0.utf8))), as: UTF8.self)
        }
    }

    @Test(arguments: MACAlgorithm.allCases)
    func `an access token, word for word`(_ algorithm: MACAlgorithm) throws {
        var settings = TokenSettings()
        settings.algorithm = algorithm
        settings.issuer = "https://auth.example"
        let forge = try Forge(settings)
        let user = try User.sample(claims: #"{"department":"R&D \"x\"","n":[1,null]}"#)
        let token = try Self.issue(forge, user)
        let parts = try Self.parts(token)
        #expect(parts[0] == #"{"alg":"\#(algorithm.rawValue)","kid":"\#(forge.access.identifier)","typ":"at+jwt"}"#)
        #expect(
            parts[1] == """
                {"iss":"https://auth.example","aud":"usher","sub":"\(Forge.sub)","iat":1000,"nbf":1000,"exp":2000,"jti":"\(Forge.jti)",\
                "sid":"\(Forge.sid)","role":"user","permissions":["post:edit","user:*"],"username":"Alice","email":"alice@example.org",\
                "department":"R&D \\"x\\"","n":[1,null]}
                """)
        let seen = try forge.see(token)
        #expect(
            seen
                == Forge.Seen(
                    claims: parts[1], id: Forge.jti, session: Forge.sid, user: Forge.sub, until: 2000, expiresAt: 2000,
                    notBefore: 1000))
        #expect(forge.code(token, now: 2030) == .tokenExpired)
        #expect(forge.code(token, now: 969) == .tokenNotActive)
        #expect(forge.code(token, audience: "other") == .tokenInvalid)
    }

    @Test func `the token does not depend on its issuer's own shortcut`() throws {
        let forge = try Forge()
        let text = Array(try Self.issue(forge, .sample()).utf8)
        let strange = TokenWorkspace(accessHeader: [], refreshHeader: [])
        let usual = forge.issuer.workspace
        let strangely = try forge.verified(text, by: forge.access, as: .access, strange)
        let usually = try forge.verified(text, by: forge.access, as: .access, usual)
        #expect(strangely.claims.members == usually.claims.members)
    }

    @Test func `custom claims cannot take a registered name`() throws {
        let forge = try Forge()
        let names = [
            "iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "ver", "rver", "role", "permissions", "username", "email",
        ]
        #expect(Set(names) == TokenIssuer.reservedClaims)
        let plain = "{" + names.map { "\"\($0)\":\"evil\"" }.joined(separator: ",") + #","kept":1}"#
        let escaped =
            "{" + names.map { "\"\\u00\(String($0.utf8.first!, radix: 16))\($0.dropFirst())\":\"evil\"" }.joined(separator: ",")
            + #","kept":1}"#
        for personal in [Set(TokenSettings.PersonalClaim.allCases), [.claims]] {
            var settings = TokenSettings()
            settings.personalClaims = personal
            let forge = try Forge(settings)
            for claims in [plain, escaped] {
                let token = try Self.issue(forge, .sample(claims: claims))
                let payload = try Self.parts(token)[1]
                #expect(!payload.contains("evil"))
                #expect(payload.hasSuffix(#","kept":1}"#))
                #expect(forge.code(token) == nil)
            }
        }
        // Other case is another name.
        #expect(try Self.parts(Self.issue(forge, .sample(claims: #"{"EXP":1}"#)))[1].hasSuffix(#","EXP":1}"#))
    }

    @Test(
        arguments: [
            ([], false, false, false), ([.username], true, false, false), ([.email], false, true, false),
            ([.claims], false, false, true),
            ([.username, .email, .claims], true, true, true),
        ] as [(Set<TokenSettings.PersonalClaim>, Bool, Bool, Bool)])
    func `a setting chooses the personal claims`(
        _ personal: Set<TokenSettings.PersonalClaim>, _ username: Bool, _ email: Bool, _ custom: Bool
    ) throws {
        var settings = TokenSettings()
        settings.personalClaims = personal
        let forge = try Forge(settings)
        let token = try Self.issue(forge, .sample(claims: #"{"department":"x"}"#))
        let payload = try Self.parts(token)[1]
        #expect(payload.contains(#""username":"Alice""#) == username)
        #expect(payload.contains(#""email":"alice@example.org""#) == email)
        #expect(payload.contains(#""department":"x""#) == custom)
        #expect(forge.code(token) == nil)
    }

    @Test func `claims of several lines, and of the deepest nesting, are carried`() throws {
        let forge = try Forge()
        let deep = String(repeating: "[", count: 31) + String(repeating: "]", count: 31)
        let token = try Self.issue(forge, .sample(claims: "{\n\"a\\n\\u0062\":\n{\"x\":\t1},\r\n \"deep\" : \(deep)\n}"))
        let payload = try Self.parts(token)[1]
        #expect(payload.hasSuffix(",\"a\\nb\":{\"x\":1},\"deep\":\(deep)}"))
        #expect(try forge.see(token).claims == payload)
    }

    @Test func `names and roles are escaped`() throws {
        let forge = try Forge()
        let user = try User.sample(permissions: ["a\"b\\c\n"], role: "\u{1}\"é")
        let token = try Self.issue(forge, user)
        #expect(try forge.hasRole(token, among: ["\u{1}\"é"]))
        #expect(try forge.lacking(token, ["a\"b\\c\n"]) == [])
    }

    @Test(arguments: ["", "{", "[]", "null", #"{"a":1,"a":2}"#, #"{"a":"\ud800"}"#, "{} x"])
    func `claims in the store that are no JSON are a failure of ours`(_ claims: String) throws {
        let forge = try Forge()
        let fault = #expect(throws: UsherError.self) { try Self.issue(forge, .sample(claims: claims)) }
        #expect(fault?.code == .internal)
        #expect(fault?.cause?.contains(Forge.sub) == true)
    }

    @Test(arguments: MACAlgorithm.allCases)
    func `a token fits a cookie or is not made`(_ algorithm: MACAlgorithm) throws {
        var settings = TokenSettings()
        settings.algorithm = algorithm
        let forge = try Forge(settings)
        var longest = 0
        var count = 1_500
        var fault: UsherError?
        while fault == nil, count < 3_500 {
            do throws(UsherError) {
                longest = try issued(count).utf8.count
                count += 1
            } catch {
                fault = error
            }
        }
        func issued(_ count: Int) throws(UsherError) -> String {
            try forge.issuer.accessToken(
                id: UUIDv7.sample,
                user: User(
                    id: Session.sample().user, username: Username(stored: "a"), email: Email(stored: "a@b"),
                    claims: "{\"x\":\"" + String(repeating: "y", count: count) + "\"}", createdAt: 0),
                session: Session.sample().id, audience: "usher", issuedAt: 1000, expiresAt: 2000)
        }
        // No base64url has one character more than a multiple of four.
        let payload = try issued(1).split(separator: ".")[1].utf8.count
        var room = try 3_500 - (issued(1).utf8.count - payload)
        if room % 4 == 1 { room -= 1 }
        #expect(try longest == issued(1).utf8.count - payload + room)
        #expect(fault?.code == .internal)
        #expect(fault?.cause?.contains("3500") == true)
        #expect(fault?.cause?.contains("yyy") == false)
        #expect(try forge.code(issued(count - 1)) == nil)
    }
}
