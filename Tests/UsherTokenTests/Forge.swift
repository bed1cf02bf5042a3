import Testing
import UsherCrypto
import UsherJSON
import UsherModel
import UsherTesting

@testable import UsherToken

func secret(_ fill: UInt8, count: Int = 64) -> SecretBytes {
    SecretBytes(copying: [UInt8](repeating: fill, count: count).span)
}

func base64URL(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    Base64URL.append(bytes.span, to: &text)
    return String(decoding: text, as: UTF8.self)
}

/// A daemon's keys, and what one who has them can sign with them: any header over any payload.
struct Forge {
    var settings: TokenSettings
    let access: any SigningKey
    let refresh: any SigningKey
    let issuer: TokenIssuer

    init(_ settings: TokenSettings = TokenSettings(), fill: UInt8 = 1) throws {
        self.settings = settings
        access = try HMACKey(algorithm: settings.algorithm, secret: secret(fill))
        refresh = try HMACKey(algorithm: settings.algorithm, secret: secret(fill &+ 128))
        issuer = TokenIssuer(accessKey: access, refreshKey: refresh, hash: OpenSSLHash(), settings: settings)
    }

    static let jti = "01900000-0000-7000-8000-000000000001"
    static let sid = "01900000-0000-7000-8000-000000000002"
    static let sub = "01900000-0000-7000-8000-000000000003"

    /// The claims of a good access token as JSON texts: from 1000 to 2000.
    static let claims: [(name: String, json: String)] = [
        ("iss", #""usher""#), ("aud", #""usher""#), ("sub", "\"\(sub)\""), ("iat", "1000"), ("exp", "2000"),
        ("jti", "\"\(jti)\""),
        ("sid", "\"\(sid)\""),
    ]

    /// The good claims with some changed, added, or, where nil is given, left out.
    static func payload(_ changes: (name: String, json: String?)...) -> String {
        var claims = Forge.claims
        for change in changes {
            claims.removeAll { $0.name == change.name }
            if let json = change.json { claims.append((change.name, json)) }
        }
        return "{" + claims.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",") + "}"
    }

    static func header(alg: String = "HS256", typ: String = "at+jwt") -> String { #"{"alg":"\#(alg)","typ":"\#(typ)"}"# }

    func token(header: String = Forge.header(), _ payload: String, by key: (any SigningKey)? = nil) -> String {
        token(header: Array(header.utf8), Array(payload.utf8), by: key)
    }

    func token(header: [UInt8], _ payload: [UInt8], by key: (any SigningKey)? = nil) -> String {
        signed(base64URL(header) + "." + base64URL(payload), by: key)
    }

    func signed(_ input: String, by key: (any SigningKey)? = nil) -> String {
        input + "." + base64URL((key ?? access).sign(Array(input.utf8).span))
    }

    /// What an access token says, when it may be believed.
    struct Seen: Equatable {
        var claims, id, session, user: String
        var until: NumericDate
        var expiresAt: Double
        var notBefore: Double?
    }

    /// The whole verification, in the order of the contract.
    func see(
        _ token: String, audience: String = "usher", now: NumericDate = 1500, tolerance: Int64 = 30,
        revocations: Revocations = Revocations()
    ) throws(UsherError) -> Seen {
        try see(Array(token.utf8), audience: audience, now: now, tolerance: tolerance, revocations: revocations)
    }

    func see(
        _ text: [UInt8], audience: String = "usher", now: NumericDate = 1500, tolerance: Int64 = 30,
        revocations: Revocations = Revocations()
    ) throws(UsherError) -> Seen {
        let token = try accessToken(text)
        try token.check(audience: Array(audience.utf8).span)
        try token.checkTime(now: now, tolerance: tolerance)
        if token.standing(by: revocations) != .live { throw UsherError(.tokenRevoked) }
        var writer = JSONWriter()
        token.writeClaims(to: &writer)
        return Seen(
            claims: String(decoding: writer.bytes, as: UTF8.self), id: token.id(), session: token.sessionID(),
            user: token.userID(),
            until: token.until(), expiresAt: token.expiresAt, notBefore: token.notBefore)
    }

    func accessToken(_ text: [UInt8]) throws(UsherError) -> AccessToken {
        let workspace = issuer.workspace
        return try AccessToken(verified(text, by: access, as: .access, workspace), issuer: settings.issuer)
    }

    func standing(_ token: String, by revocations: Revocations) throws(UsherError) -> AccessToken.Standing {
        try accessToken(Array(token.utf8)).standing(by: revocations)
    }

    func hasRole(_ token: String, among roles: [String]) throws(UsherError) -> Bool {
        try accessToken(Array(token.utf8)).hasRole(among: roles)
    }

    func lacking(_ token: String, _ asked: [String]) throws(UsherError) -> [String] {
        try accessToken(Array(token.utf8)).lacking(asked)
    }

    func refreshToken(_ text: String) throws(UsherError) -> RefreshToken {
        let workspace = issuer.workspace
        return try RefreshToken(verified(Array(text.utf8), by: refresh, as: .refresh, workspace))
    }

    func verified(
        _ text: [UInt8], by key: any SigningKey, as type: TokenType, _ workspace: TokenWorkspace
    ) throws(UsherError) -> VerifiedToken {
        try UnverifiedToken(parsing: text.span).verified(by: key, as: type, in: text.span, using: workspace)
    }

    /// The code that a token is refused with; nil if it may be believed.
    func code(
        _ token: String, audience: String = "usher", now: NumericDate = 1500, tolerance: Int64 = 30,
        revocations: Revocations = Revocations()
    ) -> UsherError.Code? {
        code(Array(token.utf8), audience: audience, now: now, tolerance: tolerance, revocations: revocations)
    }

    func code(
        _ text: [UInt8], audience: String = "usher", now: NumericDate = 1500, tolerance: Int64 = 30,
        revocations: Revocations = Revocations()
    ) -> UsherError.Code? {
        do throws(UsherError) {
            _ = try see(text, audience: audience, now: now, tolerance: tolerance, revocations: revocations)
            return nil
        } catch {
            return error.code
        }
    }
}

extension UUIDv7 {
    static let sample = UUIDv7(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)
}

extension User {
    static func sample(claims: String = "{}", permissions: [String] = ["post:edit", "user:*"], role: String = "user") throws
        -> User
    {
        User(
            id: UserID(UUIDv7(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0003)), username: try Username(parsing: "Alice"),
            email: try Email(parsing: "alice@example.org"), role: role, permissions: permissions.map(Permission.init(stored:)),
            claims: claims, createdAt: 1000)
    }
}

extension Session {
    static func sample(generation: Int64 = 1, seed: UInt8 = 42, expiresAt: NumericDate = 9000) -> Session {
        Session(
            id: SessionID(UUIDv7(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0002)),
            user: UserID(UUIDv7(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0003)), audience: "usher",
            generation: generation,
            rotatedAt: 1000, seed: SharedSecret(secret(seed, count: 32)), expiresAt: expiresAt, endsAt: 99_000, accessUntil: 2000,
            createdAt: 1000, client: Client())
    }
}
