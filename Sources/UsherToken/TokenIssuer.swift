import UsherJSON
public import UsherModel

/// Makes the tokens, and tells them from others; challenges in LoginChallenge.swift. Belongs to the reactor, as its keys do.
public final class TokenIssuer {
    public let accessKey: any SigningKey
    public let refreshKey: any SigningKey
    let workspace: TokenWorkspace
    private let hash: any KeyedHash
    let settings: TokenSettings
    /// Which of the user's own claims there are: looked up once.
    private let hasUsername, hasEmail, hasCustomClaims: Bool
    private let accessHeader: [UInt8]
    private let refreshHeader: [UInt8]

    public init(accessKey: any SigningKey, refreshKey: any SigningKey, hash: any KeyedHash, settings: TokenSettings) {
        self.accessKey = accessKey
        self.refreshKey = refreshKey
        self.hash = hash
        self.settings = settings
        hasUsername = settings.personalClaims.contains(.username)
        hasEmail = settings.personalClaims.contains(.email)
        hasCustomClaims = settings.personalClaims.contains(.claims)
        accessHeader = Self.header(accessKey, .access)
        refreshHeader = Self.header(refreshKey, .refresh)
        workspace = TokenWorkspace(accessHeader: accessHeader, refreshHeader: refreshHeader)
    }

    // MARK: Telling

    /// Whether an access token is one of ours, whoever it is for and whenever it was.
    /// - Throws: `token_invalid`.
    public func authenticate(_ text: Span<UInt8>) throws(UsherError) -> AccessToken {
        try AccessToken(try verified(text, as: .access, by: accessKey), issuer: settings.issuer)
    }

    /// - Throws: `token_invalid`.
    public func authenticateRefresh(_ text: Span<UInt8>) throws(UsherError) -> RefreshToken {
        let token = try verified(text, as: .refresh, by: refreshKey)
        let known = try RefreshToken(token)
        workspace.recycle(token)
        return known
    }

    /// - Throws: `token_invalid`.
    public func authenticateChallenge(_ text: Span<UInt8>) throws(UsherError) -> LoginChallenge {
        try LoginChallenge(try verified(text, as: .challenge, by: refreshKey))
    }

    private func verified(_ text: Span<UInt8>, as type: TokenType, by key: any SigningKey) throws(UsherError) -> VerifiedToken {
        try UnverifiedToken(parsing: text).verified(by: key, as: type, in: text, using: workspace)
    }

    /// Takes a token that is no longer looked at: its buffers are used again.
    public func recycle(_ token: consuming AccessToken) { token.recycle(to: workspace) }

    // MARK: Making

    /// More than the claims of a token need that has none of its user's own, in bytes.
    private static let usualClaims = 640

    /// - Parameters:
    ///   - id: the `jti`, new.
    ///   - user: with the permissions that its role allows.
    ///   - rolesVersion: the `rver`.
    /// - Throws: `internal` if the user's claims make it longer than `Limits.accessToken`.
    public func accessToken(
        id: UUIDv7, user: User, session: SessionID, audience: String, issuedAt now: NumericDate, expiresAt: NumericDate,
        rolesVersion: Int64 = 0
    ) throws(UsherError) -> String {
        var claims = JSONWriter(capacity: Self.usualClaims)
        claims.openObject()
        claims.member("iss", settings.issuer)
        claims.member("aud", audience)
        claims.member("sub", user.id.uuid)
        claims.member("iat", now)
        claims.member("nbf", now)
        claims.member("exp", expiresAt)
        claims.member("jti", id)
        claims.member("sid", session.uuid)
        // One that lacks is 0.
        if user.version > 0 { claims.member("ver", user.version) }
        if rolesVersion > 0 { claims.member("rver", rolesVersion) }
        claims.member("role", user.role)
        claims.member("permissions", user.permissions.map(\.text))
        if hasUsername { claims.member("username", user.username.text) }
        if hasEmail { claims.member("email", user.email.text) }
        if hasCustomClaims { try Self.writeCustomClaims(of: user, to: &claims) }
        claims.closeObject()
        let token = sign(claims, accessKey, accessHeader)
        guard token.utf8.count <= Limits.accessToken else {
            throw UsherError(
                .internal,
                cause: "the access token of user \(user.id) would have \(token.utf8.count) bytes, more than \(Limits.accessToken)"
            )
        }
        return token
    }

    /// Whether an access token of the user is short enough, whatever the audience, the version and the role.
    public func fits(_ user: User) -> Bool {
        let (id, date) = (UUIDv7(high: 0, low: 0), NumericDate(1) << 34)
        var user = user
        user.version = Revocation.deleted
        user.permissions.append(Permission(stored: String(repeating: "x", count: Limits.rolePermissions)))
        return settings.audiences.allSatisfy { audience in
            let token = try? accessToken(
                id: id, user: user, session: SessionID(id), audience: audience, issuedAt: date, expiresAt: date,
                rolesVersion: Revocation.deleted)
            return token != nil
        }
    }

    /// The refresh token of a session's present generation.
    public func refreshToken(of session: Session, issuedAt now: NumericDate) -> String {
        let proof = RefreshToken.proof(seed: session.seed, generation: session.generation, hash: hash)
        var claims = JSONWriter(capacity: Self.usualClaims)
        claims.openObject()
        claims.member("iss", settings.issuer)
        claims.member("sub", session.user.uuid)
        claims.member("sid", session.id.uuid)
        claims.member("gen", session.generation)
        claims.name("jti")
        claims.plain(proof.span)
        claims.member("iat", now)
        claims.member("exp", session.expiresAt)
        claims.closeObject()
        return sign(claims, refreshKey, refreshHeader)
    }

    func sign(_ claims: JSONWriter, _ key: any SigningKey, _ header: [UInt8]) -> String {
        let length = Base64URL.encodedLength(claims.count) + Base64URL.encodedLength(key.algorithm.hashLength)
        var token: [UInt8] = []
        token.reserveCapacity(header.count + length + 2)
        token += header
        token.append(UInt8(ascii: "."))
        Base64URL.append(claims.bytes.span, to: &token)
        let signature = key.sign(token.span)
        token.append(UInt8(ascii: "."))
        Base64URL.append(signature.span, to: &token)
        return String(decoding: token, as: UTF8.self)
    }

    static func header(_ key: any SigningKey, _ type: TokenType) -> [UInt8] {
        var header = JSONWriter()
        header.openObject()
        header.member("alg", key.algorithm.rawValue)
        header.member("kid", key.identifier)
        header.member("typ", type.header.description)
        header.closeObject()
        var text: [UInt8] = []
        Base64URL.append(header.bytes.span, to: &text)
        return text
    }

    /// The names that no custom claim can take: those of RFC 7519 §4.1 and our own.
    public static let reservedClaims: Set<String> = [
        "iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "ver", "rver", "role", "permissions", "username", "email",
    ]

    private static func writeCustomClaims(of user: User, to writer: inout JSONWriter) throws(UsherError) {
        let text = user.claims.utf8.span
        var reader = JSONReader(nesting: Limits.nesting)
        do throws(JSONFault) {
            try reader.read(text)
        } catch {
            throw UsherError(
                .internal,
                cause: "the claims of user \(user.id) in the store are no JSON: \(error.reason.rawValue) at \(error.offset)")
        }
        for member in reader.members {
            guard let name = member.name.string(in: text), !reservedClaims.contains(name) else { continue }
            writer.member(name, raw: text.extracting(member.value.range))
        }
    }
}
