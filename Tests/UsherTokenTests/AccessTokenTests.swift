import Testing
import UsherJSON
import UsherModel
import UsherTesting

@testable import UsherToken

@Suite struct AccessTokenTests {
    // MARK: Claims that are due

    @Test(arguments: ["iss", "aud", "sub", "iat", "exp", "jti", "sid"])
    func `a claim that is due must be there, of its type, and not empty`(_ name: String) throws {
        let forge = try Forge()
        let isDate = name == "iat" || name == "exp"
        var wrong: [String?] = [
            nil, "null", "true", "false", "{}", #"{"a":"usher"}"#, #"[["usher"]]"#, "[1]", "[null]", "[]", #"[""]"#, #""""#,
        ]
        wrong +=
            isDate
            ? [#""2000""#, "[2000]", "1e400", "-1e400", "9007199254740992", "-9007199254740992", "1e16"] : ["1", "2000", "0"]
        if name != "aud" { wrong.append(#"["usher"]"#) }
        for json in wrong {
            let token = forge.token(Forge.payload((name, json)))
            // Expired or not, for us or not: the claims come first.
            for now in [1500, 5000] as [NumericDate] {
                #expect(forge.code(token, now: now) == .tokenInvalid, "\(name): \(json ?? "left out")")
            }
        }
    }

    @Test func `an error tells which claim`() throws {
        let forge = try Forge()
        for (name, _) in Forge.claims {
            let fault = #expect(throws: UsherError.self) { try forge.see(forge.token(Forge.payload((name, nil)))) }
            #expect(fault?.message.contains(" \(name) ") == true)
        }
    }

    @Test(arguments: [
        ("nbf", "null"), ("nbf", #""1000""#), ("nbf", "1e400"), ("nbf", "9007199254740992"), ("nbf", "[]"), ("nbf", "true"),
        ("role", "null"), ("role", "1"),
        ("role", #"["admin"]"#), ("permissions", "null"), ("permissions", #""a b""#), ("permissions", "{}"),
        ("permissions", "[1]"), ("permissions", #"["a",null]"#),
        ("ver", "null"), ("ver", "-1"), ("ver", "1.5"), ("ver", #""1""#), ("ver", "9223372036854775808"),
        ("permissions", #"["a",["b"]]"#), ("permissions", #"[{"a":1}]"#), ("permissions", "true"),
    ])
    func `a claim that may lack is of its type where it stands`(_ name: String, _ json: String) throws {
        let forge = try Forge()
        #expect(forge.code(forge.token(Forge.payload((name, json)))) == .tokenInvalid)
    }

    @Test(arguments: [
        ("nbf", "1000"), ("nbf", "-1e3"), ("nbf", "0.5"), ("role", #""""#), ("role", #""admin""#), ("permissions", "[]"),
        ("permissions", "[ ]"),
        ("permissions", #"["a"]"#), ("permissions", #"["a","b:*",""]"#), ("x", "null"), ("username", "null"), ("email", "7"),
        ("scope", #""a""#),
        ("x", String(repeating: "[", count: 31) + String(repeating: "]", count: 31)), ("ISS", "1"), ("Exp", "null"), ("", "1"),
        ("ex", "1"), ("expp", "1"),
    ])
    func `other claims may be anything`(_ name: String, _ json: String) throws {
        let forge = try Forge()
        let payload = Forge.payload((name, json))
        #expect(try forge.see(forge.token(payload)).claims == payload)
    }

    @Test func `an account that has changed makes older tokens stale`() throws {
        let forge = try Forge()
        func token(_ version: String?, sub: String = Revocations.sub) -> String {
            forge.token(Forge.payload(("sub", #""\#(sub)""#), ("ver", version)))
        }
        var revocations = Revocations()
        revocations.insert(Revocation(kind: .user, id: Revocations.sub, until: 2000, version: 2))
        for version in [nil, "0", "1"] { #expect(try forge.standing(token(version), by: revocations) == .stale) }
        for version in ["2", "3", "9007199254740993"] {
            #expect(try forge.standing(token(version), by: revocations) == .live)
        }
        // An escape changes nothing of who it is; another case does.
        let escaped = #"\u0030"# + Revocations.sub.dropFirst()
        #expect(try forge.standing(token("1", sub: escaped), by: revocations) == .stale)
        #expect(try forge.standing(token("1", sub: Revocations.sub.uppercased()), by: revocations) == .live)
        #expect(try forge.standing(token("1", sub: "other"), by: revocations) == .live)
        // What is revoked is not only stale.
        revocations.insert(Revocation(kind: .token, id: Forge.jti, until: 2000))
        #expect(try forge.standing(token("1"), by: revocations) == .revoked)
    }

    @Test func `no token of a deleted account is good`() throws {
        let forge = try Forge()
        var revocations = Revocations()
        revocations.insert(Revocation(kind: .user, id: Revocations.sub, until: 2000, version: Revocation.deleted))
        let token = forge.token(Forge.payload(("sub", #""\#(Revocations.sub)""#), ("ver", "7")))
        #expect(try forge.standing(token, by: revocations) == .revoked)
    }

    @Test func `claims inside claims count for nothing`() throws {
        let forge = try Forge()
        #expect(forge.code(forge.token(Forge.payload(("exp", nil), ("x", #"{"exp":2000}"#)))) == .tokenInvalid)
        #expect(forge.code(forge.token(Forge.payload(("x", #"{"exp":1,"iss":"evil","nbf":null}"#)))) == nil)
    }

    @Test func `names and values may be escaped`() throws {
        let forge = try Forge()
        func escaped(_ text: some StringProtocol) -> String {
            text.utf8.map { byte in
                let digits = String(byte, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
        var claims = Forge.claims.map { claim in
            let isString = claim.json.hasPrefix("\"")
            return "\"\(escaped(claim.name))\":" + (isString ? "\"\(escaped(claim.json.dropFirst().dropLast()))\"" : claim.json)
        }
        claims += ["\"\(escaped("nbf"))\":1000", "\"\(escaped("role"))\":\"\(escaped("admin"))\""]
        claims.append("\"\(escaped("permissions"))\":[\"\(escaped("user:*"))\"]")
        let payload = "{" + claims.joined(separator: ",") + "}"
        let seen = try forge.see(forge.token(payload))
        #expect(
            seen
                == Forge.Seen(
                    claims: payload, id: Forge.jti, session: Forge.sid, user: Forge.sub, until: 2000, expiresAt: 2000,
                    notBefore: 1000))
        #expect(try forge.hasRole(forge.token(payload), among: ["admin"]))
        #expect(try forge.lacking(forge.token(payload), ["user:delete", "user"]) == ["user"])
        // One letter will do, and what it says counts.
        #expect(forge.code(forge.token(Forge.payload(("exp", nil), (#"\u0065xp"#, "1400")))) == .tokenExpired)
        #expect(forge.code(forge.token(Forge.payload((#"nb\u0066"#, "1600")))) == .tokenNotActive)
        var revocations = Revocations()
        revocations.insert(Revocation(kind: .token, id: Forge.jti, until: 2000))
        #expect(forge.code(forge.token(payload), revocations: revocations) == .tokenRevoked)
    }

    @Test func `a claim escaped to a name that is due is that claim twice`() throws {
        let forge = try Forge()
        for (name, json) in Forge.claims {
            let first = try #require(name.utf8.first)
            let twice = Forge.payload().dropLast() + ",\"\\u00\(String(first, radix: 16))\(name.dropFirst())\":\(json)}"
            #expect(forge.code(forge.token(String(twice))) == .tokenInvalid)
        }
    }

    // MARK: Issuer and audience

    @Test(arguments: [
        (#""usher""#, true), (#""ush\u0065r""#, true), (#""Usher""#, false), (#""usher ""#, false), (#""ushe""#, false),
        (#""usher/""#, false), (#""other""#, false),
    ])
    func `the issuer must be ours`(_ json: String, _ isOurs: Bool) throws {
        let forge = try Forge()
        #expect(forge.code(forge.token(Forge.payload(("iss", json)))) == (isOurs ? nil : .tokenInvalid))
    }

    @Test(arguments: [
        (#""usher""#, "usher", true), (#""ush\u0065r""#, "usher", true), (#"["usher"]"#, "usher", true),
        (#"["a","usher"]"#, "usher", true),
        (#"[ "a" , "ush\u0065r" ]"#, "usher", true), (#"["a","b"]"#, "b", true), (#"["a","b"]"#, "usher", false),
        (#""usher""#, "ushe", false),
        (#""usher""#, "usher ", false), (#""usher""#, "Usher", false), (#""usher""#, "", false), (#""other""#, "usher", false),
        (#"["usher",""]"#, "usher", false),
        (#"["usher",1]"#, "usher", false), (#"["usher",null]"#, "usher", false), (#"["usher",["x"]]"#, "usher", false),
        (#"["",""]"#, "", false),
        (#""*""#, "usher", false), (#""caf\u00e9""#, "café", true), (#""cafe\u0301""#, "caf\u{e9}", false),
        (#""café""#, "cafe\u{301}", false),
    ])
    func `the token must be for who asks`(_ json: String, _ asked: String, _ isFor: Bool) throws {
        let forge = try Forge()
        #expect(forge.code(forge.token(Forge.payload(("aud", json))), audience: asked) == (isFor ? nil : .tokenInvalid))
    }

    @Test func `names are compared byte for byte`() throws {
        // Swift's == takes both forms of é for the same; RFC 7519 §2 knows no such thing.
        var settings = TokenSettings()
        settings.issuer = "caf\u{e9}"
        let forge = try Forge(settings)
        for (json, isOurs) in [
            (#""caf\#u{e9}""#, true), (#""caf\u00e9""#, true), (#""cafe\#u{301}""#, false), (#""cafe\u0301""#, false),
        ] {
            #expect(forge.code(forge.token(Forge.payload(("iss", json)))) == (isOurs ? nil : .tokenInvalid))
            let token = forge.token(Forge.payload(("iss", #""caf\u00e9""#), ("role", json)))
            #expect(try forge.hasRole(token, among: ["caf\u{e9}"]) == isOurs)
            #expect(try forge.hasRole(token, among: ["cafe\u{301}"]) == !isOurs)
        }
    }

    // MARK: Time

    @Test(
        arguments: [
            ("2000", 1969, nil), ("2000", 1999, nil), ("2000", 2000, nil), ("2000", 2029, nil), ("2000", 2030, 2000),
            ("2000", 2031, 2000), ("2000", 1 << 40, 2000),
            ("2000.0", 2029, nil), ("2000.0", 2030, 2000), ("2000.5", 2030, nil), ("2000.5", 2031, 2000), ("1999.5", 2029, nil),
            ("1999.5", 2030, 1999),
            ("2e3", 2029, nil), ("2E+3", 2030, 2000), ("20000e-1", 2030, 2000), ("0", 1500, 0), ("-5", 1500, -5),
            ("-5.5", 1500, -6), ("1e-400", 1500, 0),
            ("9007199254740991", 1500, nil), ("9007199254740991", 1 << 52, nil),
            ("9007199254740991", 1 << 54, 9_007_199_254_740_991),
            ("-9007199254740991", 1500, -9_007_199_254_740_991),
        ] as [(String, NumericDate, NumericDate?)])
    func `a token lives until exp and the tolerance`(_ exp: String, _ now: NumericDate, _ expiredAt: NumericDate?) throws {
        let forge = try Forge()
        let token = forge.token(Forge.payload(("exp", exp), ("iat", "0")))
        if let expiredAt {
            let fault = #expect(throws: UsherError.self) { try forge.see(token, now: now) }
            #expect(fault == UsherError(.tokenExpired, detail: .expiredAt(expiredAt)))
        } else {
            #expect(forge.code(token, now: now) == nil)
        }
    }

    @Test(
        arguments: [
            ("1000", 970, nil), ("1000", 971, nil), ("1000", 969, 1000), ("1000", 0, 1000), ("1000.5", 971, nil),
            ("1000.5", 970, 1001), ("1e3", 969, 1000),
            ("-1000", 0, nil), ("9007199254740991", 1500, 9_007_199_254_740_991), ("0.25", -30, 1), ("0.25", -29, nil),
        ] as [(String, NumericDate, NumericDate?)])
    func `a token begins with nbf, less the tolerance`(_ nbf: String, _ now: NumericDate, _ activeAt: NumericDate?) throws {
        let forge = try Forge()
        let token = forge.token(Forge.payload(("nbf", nbf)))
        if let activeAt {
            let fault = #expect(throws: UsherError.self) { try forge.see(token, now: now) }
            #expect(fault == UsherError(.tokenNotActive, detail: .activeAt(activeAt)))
        } else {
            #expect(forge.code(token, now: now) == nil)
        }
    }

    @Test func `without tolerance the second of exp is over`() throws {
        let forge = try Forge()
        let token = forge.token(Forge.payload(("nbf", "1000")))
        #expect(forge.code(token, now: 1999, tolerance: 0) == nil)
        #expect(forge.code(token, now: 2000, tolerance: 0) == .tokenExpired)
        #expect(forge.code(token, now: 1000, tolerance: 0) == nil)
        #expect(forge.code(token, now: 999, tolerance: 0) == .tokenNotActive)
    }

    @Test func `iat decides nothing`() throws {
        let forge = try Forge()
        for iat in ["0", "-1", "1e15", "2000.75"] { #expect(forge.code(forge.token(Forge.payload(("iat", iat)))) == nil) }
    }

    @Test(arguments: [("2000", 2000), ("2000.25", 2001), ("1999.999", 2000), ("-0.5", 0)] as [(String, NumericDate)])
    func `a revocation is kept until the last second is over`(_ exp: String, _ until: NumericDate) throws {
        let forge = try Forge()
        #expect(try forge.see(forge.token(Forge.payload(("exp", exp))), now: -100).until == until)
    }

    // MARK: Order of faults

    @Test func `the first fault in order is told`() throws {
        let forge = try Forge()
        var revocations = Revocations()
        revocations.insert(Revocation(kind: .token, id: Forge.jti, until: 9000))
        revocations.insert(Revocation(kind: .session, id: Forge.sid, until: 9000))
        // Each row has all the faults of the rows below it. Exp lies before nbf, so that a moment between the two has both faults.
        let late: (name: String, json: String?) = ("nbf", "3000")
        let expired = Forge.payload(late, ("exp", "1400"))
        let other = Forge.payload(late, ("exp", "1400"), ("aud", #""other""#))
        let claims = Forge.payload(late, ("exp", "1400"), ("aud", #""other""#), ("sid", nil))
        let good = forge.token(expired)
        #expect(forge.code(String(good.dropFirst(good.count)), revocations: revocations) == .tokenInvalid)
        #expect(forge.code(forge.token(expired, by: forge.refresh), revocations: revocations) == .tokenInvalid)
        #expect(forge.code(forge.token(header: Forge.header(typ: "JWT"), expired), revocations: revocations) == .tokenInvalid)
        #expect(forge.code(forge.token(claims), revocations: revocations) == .tokenInvalid)
        #expect(forge.code(forge.token(other), revocations: revocations) == .tokenInvalid)
        #expect(forge.code(forge.token(expired), revocations: revocations) == .tokenExpired)
        #expect(forge.code(forge.token(Forge.payload(late, ("exp", "4000"))), revocations: revocations) == .tokenNotActive)
        #expect(forge.code(forge.token(Forge.payload(("exp", "4000"))), revocations: revocations) == .tokenRevoked)
        #expect(forge.code(forge.token(Forge.payload(("exp", "4000")))) == nil)
    }

    @Test func `what a wrong signature hides is not told`() throws {
        let forge = try Forge()
        let faults = try [Forge.payload(), Forge.payload(("exp", "1")), Forge.payload(("sid", nil)), "{", "[]"].map { payload in
            try #require(throws: UsherError.self) { try forge.see(forge.token(payload, by: forge.refresh)) }
        }
        #expect(Set(faults.map(\.message)).count == 1)
    }

    // MARK: Revocation

    @Test func `a token is revoked by its own id or by its session`() throws {
        let forge = try Forge()
        func code(_ kind: Revocation.Kind, _ id: String, _ payload: String = Forge.payload()) -> UsherError.Code? {
            var revocations = Revocations()
            revocations.insert(Revocation(kind: kind, id: id, until: 2000))
            return forge.code(forge.token(payload), revocations: revocations)
        }
        #expect(code(.token, Forge.jti) == .tokenRevoked)
        #expect(code(.session, Forge.sid) == .tokenRevoked)
        // One is not the other.
        #expect(code(.token, Forge.sid) == nil)
        #expect(code(.session, Forge.jti) == nil)
        #expect(code(.token, Forge.sub) == nil)
        // Ids of tokens made elsewhere.
        let foreign = Forge.payload(("jti", #""caf\u00e9""#), ("sid", #""s/1""#))
        #expect(code(.token, "caf\u{e9}", foreign) == .tokenRevoked)
        #expect(code(.token, "cafe\u{301}", foreign) == nil)
        #expect(code(.session, "s/1", foreign) == .tokenRevoked)
        #expect(code(.session, "s/2", foreign) == nil)
        let letters = "01900000-0000-7000-8000-0000000000ab"
        let capitals = Forge.payload(("jti", "\"\(letters.uppercased())\""))
        #expect(code(.token, letters, capitals) == nil)
        #expect(code(.token, letters.uppercased(), capitals) == .tokenRevoked)
    }

    // MARK: Roles and permissions

    @Test func `a role is any of those asked`() throws {
        let forge = try Forge()
        func has(_ role: String?, _ asked: [String]) throws -> Bool {
            try forge.hasRole(forge.token(Forge.payload(("role", role))), among: asked)
        }
        #expect(try has(#""admin""#, ["user", "admin"]))
        #expect(try !has(#""admin""#, ["Admin", "adm", "admin "]))
        #expect(try !has(#""admin""#, []))
        #expect(try !has(nil, ["", "user"]))
        #expect(try has(#""""#, [""]))
    }

    @Test func `of permissions what lacks is told in the order asked`() throws {
        let forge = try Forge()
        func lacking(_ permissions: String?, _ asked: [String]) throws -> [String] {
            try forge.lacking(forge.token(Forge.payload(("permissions", permissions))), asked)
        }
        let granted = #"["post:edit","user:*","*","a\u003ab"]"#
        #expect(try lacking(granted, ["post:edit", "user:delete", "user:avatar:edit", "a:b", "*"]) == [])
        #expect(
            try lacking(granted, ["users:delete", "post:edit", "user", "post:edi", "user:"]) == [
                "users:delete", "user", "post:edi", "user:",
            ])
        #expect(try lacking("[]", ["a", "b"]) == ["a", "b"])
        #expect(try lacking(nil, ["a"]) == ["a"])
        #expect(try lacking(nil, []) == [])
    }

    // MARK: The line

    @Test(arguments: [
        "{\n%\n}", "{\r\n\t%\r\n}\r\n", "\n\n{%}", "{%}\n{\"ok\":true}", " {%} ",
    ])
    func `claims come on one line, whatever was signed`(_ frame: String) throws {
        let forge = try Forge()
        let members = Forge.payload(("x", #""a\nb\u000ac""#)).dropFirst().dropLast()
        let payload = frame.replacing("%", with: members.replacing(",", with: ",\n"))
        let token = forge.token(payload)
        if frame.hasSuffix("true}") {
            #expect(forge.code(token) == .tokenInvalid)
            return
        }
        let claims = try forge.see(token).claims
        #expect(claims.utf8.allSatisfy { $0 >= 0x20 })
        var reader = JSONReader(nesting: Limits.nesting)
        try reader.read(Array(claims.utf8).span)
        #expect(reader.members.count == 8)
        #expect(claims.filter { $0 != " " } == "{" + members + "}")
    }

    @Test func `claims without a line's end are the bytes that were signed`() throws {
        let forge = try Forge()
        let payload = Forge.payload(("x", #" [ 1 , "é\u00e9\/" ] "#))
        #expect(try forge.see(forge.token(payload)).claims == payload)
    }
}

extension Revocations {
    /// A user of the daemon's.
    fileprivate static let sub = "01900000-0000-7000-8000-0000000000ab"
}
