/// What REGISTER, LOGIN and REFRESH give out.
public struct Grant: Sendable {
    /// The user object of protocol.md.
    public let user: ReplyObject
    public let accessToken: String
    public let refreshToken: String
    /// How long the access token lasts.
    public let expiresIn: Duration
    /// How long the refresh token lasts.
    public let refreshExpiresIn: Duration

    init?(_ reply: ReplyObject) {
        guard let user = reply.object("user"), let accessToken = reply.string("access_token"),
            let refreshToken = reply.string("refresh_token"), let expiresIn = reply.integer("expires_in"),
            let refreshExpiresIn = reply.integer("refresh_expires_in")
        else { return nil }
        self.user = user
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.expiresIn = .seconds(expiresIn)
        self.refreshExpiresIn = .seconds(refreshExpiresIn)
    }
}

/// What REGISTER gives out.
public enum Registration: Sendable {
    /// The account has its first session.
    case session(Grant)
    /// The account must be confirmed first: the token is to be sent to the user's email.
    case toBeConfirmed(user: ReplyObject, token: String)
}

/// The end user on whose behalf an app asks, as the app sees them.
public struct EndUser: Sendable {
    public var address: String?
    public var userAgent: String?

    public init(address: String? = nil, userAgent: String? = nil) {
        self.address = address
        self.userAgent = userAgent
    }
}

/// How much REVOKE ends.
public enum RevocationScope: String, Sendable {
    case token, session, user
}

// Each throws as `call` does; `lost` too where a reply lacks what it must have.
extension UsherClient {
    /// Creates an account and, unless it must be confirmed first, its first session.
    public func register(
        username: String, email: String, password: String, audience: String? = nil, client: EndUser? = nil
    ) throws(ClientFailure) -> Registration {
        var request = Request("REGISTER")
        request.set("username", username)
        request.set("email", email)
        request.set("password", password)
        request.set("audience", audience)
        request.set(client)
        let reply = try call(request)
        if let grant = Grant(reply) { return .session(grant) }
        return .toBeConfirmed(
            user: try Self.required(reply.object("user")), token: try Self.required(reply.string("confirmation_token")))
    }

    /// - Parameter login: a username or an email.
    /// - Throws: `denied` with the code `otp_required`, and a `challenge` in its reply, where the user has a second factor: see
    ///   `finishLogin`.
    public func login(
        _ login: String, password: String, audience: String? = nil, client: EndUser? = nil
    ) throws(ClientFailure) -> Grant {
        var request = Request("LOGIN")
        request.set("login", login)
        request.set("password", password)
        request.set("audience", audience)
        request.set(client)
        return try Self.required(Grant(call(request)))
    }

    /// The second step of a login, with a code of the authenticator or a recovery code.
    /// - Parameter challenge: what `login` was refused with. It stands for the password; a wrong code does not use it up.
    public func finishLogin(_ challenge: String, code: String, client: EndUser? = nil) throws(ClientFailure) -> Grant {
        var request = Request("LOGIN")
        request.set("challenge", challenge)
        request.set("code", code)
        request.set(client)
        return try Self.required(Grant(call(request)))
    }

    /// - Returns: the token's claims.
    public func verify(_ token: String, audience: String? = nil) throws(ClientFailure) -> ReplyObject {
        var request = Request("VERIFY")
        request.set("token", token)
        request.set("audience", audience)
        return try Self.required(call(request).object("claims"))
    }

    /// Verifies a token whose user must have one of the roles and all of the permissions. One of the lists must be given.
    /// - Returns: the token's claims.
    public func authorize(
        _ token: String, roles: [String]? = nil, permissions: [String]? = nil, audience: String? = nil
    ) throws(ClientFailure) -> ReplyObject {
        var request = Request("AUTHORIZE")
        request.set("token", token)
        request.set("roles", roles)
        request.set("permissions", permissions)
        request.set("audience", audience)
        return try Self.required(call(request).object("claims"))
    }

    /// Exchanges a refresh token, which is good once.
    public func refresh(_ refreshToken: String, client: EndUser? = nil) throws(ClientFailure) -> Grant {
        var request = Request("REFRESH")
        request.set("refresh_token", refreshToken)
        request.set(client)
        return try Self.required(Grant(call(request)))
    }

    /// - Parameters:
    ///   - token: an access or a refresh token.
    ///   - scope: nil for the token itself where it is an access token, for its session where it is a refresh token.
    /// - Returns: false where nothing could be used any more.
    public func revoke(_ token: String, scope: RevocationScope? = nil) throws(ClientFailure) -> Bool {
        var request = Request("REVOKE")
        request.set("token", token)
        request.set("scope", scope?.rawValue)
        return try Self.required(call(request).bool("revoked"))
    }

    /// - Returns: the daemon's version.
    public func ping() throws(ClientFailure) -> String { try Self.required(call(Request("PING")).string("version")) }

    private static func required<Value>(_ value: Value?) throws(ClientFailure) -> Value {
        guard let value else { throw .lost(LostConnection(.garbled, "The daemon's reply lacks what it must have.")) }
        return value
    }
}
