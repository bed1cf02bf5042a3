import UsherJSON
import UsherModel

/// LOGIN: a session for who knows the password. An unknown user, a disabled one and a wrong password take the same work and get the
/// same reply.
struct LoginRequest: DeferredRequest {
    static let operation = Operation(
        name: "LOGIN",
        summary: "Check a password and begin a session.",
        members: [
            .init("login", "string: username, or email if it has an '@'; or give exactly one of \"username\" and \"email\""),
            .init("password", "string"),
            .init("audience", "string, optional: one of the configured audiences"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"LOGIN","login":"ada","password":"correct horse","client":{"ip":"192.0.2.7","user_agent":"Firefox"}}"#,
        event: .login,
        run: .deferred { request, line, service throws(UsherError) in
            try LoginRequest(reading: request, line, service)
        })

    /// Nil for a name that no account can have.
    private let name: LoginName?
    private let password: SharedSecret
    private let audience: String
    private let client: Client

    /// How often an account that changes under a login is looked at again.
    private static let tries = 3

    init(reading request: JSONReader, _ line: Span<UInt8>, _ service: AuthService) throws(UsherError) {
        name = try Self.name(in: request, line)
        password = try request.requiredSecret("password", in: line)
        audience = try request.sessionAudience(in: line, of: service.tokens)
        client = try request.client(in: line)
    }

    private static func name(in request: JSONReader, _ line: Span<UInt8>) throws(UsherError) -> LoginName? {
        let email = try request.string("email", in: line)
        let username = try request.string("username", in: line)
        let login = try request.string("login", in: line)
        switch (email, username, login) {
        case (nil, nil, nil): throw .missingField("login")
        case (let email?, nil, nil): return (try? Email(parsing: email)).map(LoginName.email)
        case (nil, let username?, nil): return (try? Username(parsing: username)).map(LoginName.username)
        case (nil, nil, let login?):
            return login.utf8.contains(UInt8(ascii: "@"))
                ? (try? Email(parsing: login)).map(LoginName.email)
                : (try? Username(parsing: login)).map(LoginName.username)
        default: throw .invalidField("login", "Give exactly one of \"login\", \"username\" and \"email\".")
        }
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        let draw = service.draw(of: name)
        for _ in 0..<Self.tries {
            // A name that nobody can have is looked up all the same, as one that nobody has.
            let found = try await service.store.lookUp(name ?? .username(Username(stored: "")))
            let account = found.account
            attempt.user = account?.user
            let password = password
            let decoy = Decoy.setting(among: found.hashes, draw: draw)
            let check = try await service.workers.run(for: attempt.caller) { hasher throws(UsherError) in
                try Check(password, against: account?.passwordHash ?? hasher.decoy(like: decoy), by: hasher)
            }
            guard let account, check.isRight else { throw UsherError(.invalidCredentials) }
            try service.requireConfirmedEmail(of: account)
            let session = service.newSession(of: account.user.id, audience: audience, client: client)
            let login = Login(
                verified: account.passwordHash, replacement: check.replacement, session: session,
                maxSessions: service.limits.sessionsPerUser)
            switch try await service.store.open(login) {
            case .opened(let user, let ended):
                service.refuse(ended)
                attempt.user = user
                return try service.grant(session, to: user, at: session.rotatedAt)
            case .disabled: throw UsherError(.accountDisabled)
            case .stale: continue
            }
        }
        throw .busy
    }

    /// What a worker finds out about a password.
    private struct Check: Sendable {
        let isRight: Bool
        /// Set when the hash was made under another scheme or cost than the present one.
        let replacement: PasswordHash?

        init(_ password: SharedSecret, against hash: PasswordHash, by hasher: any PasswordHasher) throws(UsherError) {
            isRight = try hasher.verify(password.bytes, against: hash)
            replacement = isRight && hasher.isOutdated(hash, for: password.bytes) ? try hasher.hash(password.bytes) : nil
        }
    }
}
