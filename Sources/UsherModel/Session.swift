/// One login of one user on one device: a row that is kept, whatever the number of refresh tokens handed out for it.
public struct Session: Sendable {
    public let id: SessionID
    public let user: UserID
    /// The `aud` of its access tokens.
    public let audience: String
    /// The number of the refresh token that is good now.
    public var generation: Int64
    /// Wall clock, for people.
    public var rotatedAt: NumericDate
    /// `ServiceTime` of the last rotation, for the grace window.
    public var rotatedService: Int64
    /// 32 random bytes under which each refresh token's `jti` is made.
    public let seed: SharedSecret
    /// When the newest refresh token expires.
    public var expiresAt: NumericDate
    /// When the session is over, however often it is refreshed.
    public let endsAt: NumericDate
    /// The latest `exp` of any access token issued for it.
    public var accessUntil: NumericDate
    /// Set by a logout, a reuse, or a cap.
    public var endedAt: NumericDate?
    public let createdAt: NumericDate
    public var client: Client

    public init(
        id: SessionID, user: UserID, audience: String, generation: Int64 = 1, rotatedAt: NumericDate, rotatedService: Int64 = 0,
        seed: SharedSecret, expiresAt: NumericDate, endsAt: NumericDate, accessUntil: NumericDate, endedAt: NumericDate? = nil,
        createdAt: NumericDate, client: Client
    ) {
        self.id = id
        self.user = user
        self.audience = audience
        self.generation = generation
        self.rotatedAt = rotatedAt
        self.rotatedService = rotatedService
        self.seed = seed
        self.expiresAt = expiresAt
        self.endsAt = endsAt
        self.accessUntil = accessUntil
        self.endedAt = endedAt
        self.createdAt = createdAt
        self.client = client
    }
}

/// Something that makes tokens die before their `exp`.
public struct Revocation: Sendable, Equatable, Hashable {
    public enum Kind: Int, Sendable {
        /// One token, by its `jti`.
        case token = 0
        /// All tokens of a session, by their `sid`.
        case session = 1
        /// The tokens of a user that are older than a version of the account, by their `sub`.
        case user = 2
        /// The tokens of all who have a role, that are older than its last change, by their `role`.
        case role = 3
    }

    public let kind: Kind
    /// The `jti`, `sid`, `sub` or `role`.
    public let id: String
    /// The last `exp` of a token that this is about: kept until then, and the clock tolerance more.
    public let until: NumericDate
    /// Of a token, the session that it counts for (`Limits.revokedTokensPerSession`).
    public let session: String?
    /// Of a user, the least `ver` of a token that is good; `deleted` for none. Of a role, the least `rver`.
    public let version: Int64

    /// The version of an account that there is no more: no token has it.
    public static let deleted = Int64(1) << 53

    public init(kind: Kind, id: String, until: NumericDate, session: String? = nil, version: Int64 = 0) {
        self.kind = kind
        self.id = id
        self.until = until
        self.session = session
        self.version = version
    }
}
