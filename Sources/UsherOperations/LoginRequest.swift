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
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user; attempts are counted by the ip"),
            .init("challenge", "string: what otp_required came with; then only \"code\" and \"client\" are given besides"),
            .init("code", "string: six digits of the authenticator, or a recovery code"),
        ],
        example: #"{"op":"LOGIN","login":"ada","password":"correct horse","client":{"ip":"192.0.2.7","user_agent":"Firefox"}}"#,
        event: .login,
        run: .deferred { request, line, rights, service throws(UsherError) in
            guard request.value("challenge", in: line) == nil else {
                return try LoginCompletion(reading: request, line, rights, service)
            }
            return try LoginRequest(reading: request, line, rights, service)
        })

    /// Nil for a name that no account can have.
    private let name: LoginName?
    /// The name as it is unique by; one that no account can have, as it came.
    private let asked: String
    private let password: SharedSecret
    private let audience: String
    private let client: Client

    /// How often an account that changes under a login is looked at again.
    private static let tries = 3

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        (name, asked) = try Self.name(in: request, line)
        password = try request.requiredSecret("password", in: line)
        audience = try request.sessionAudience(in: line, rights, of: service.tokens)
        client = try request.client(in: line, rights)
    }

    private static func name(
        in request: borrowing JSONReader, _ line: Span<UInt8>
    ) throws(UsherError) -> (name: LoginName?, asked: String) {
        let email = try request.string("email", in: line)
        let username = try request.string("username", in: line)
        let login = try request.string("login", in: line)
        let asked: String
        let isEmail: Bool
        switch (email, username, login) {
        case (nil, nil, nil): throw .missingField("login")
        case (let email?, nil, nil): (asked, isEmail) = (email, true)
        case (nil, let username?, nil): (asked, isEmail) = (username, false)
        case (nil, nil, let login?): (asked, isEmail) = (login, login.utf8.contains(UInt8(ascii: "@")))
        default: throw .invalidField("login", "Give exactly one of \"login\", \"username\" and \"email\".")
        }
        let name =
            isEmail
            ? (try? Email(parsing: asked)).map(LoginName.email) : (try? Username(parsing: asked)).map(LoginName.username)
        return (name, name?.folded ?? asked)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        let found = try await lookUp(service)
        attempt.user = found.account?.user
        return try await service.throttled(asked, found, attempt) { () async throws(UsherError) in
            try await logIn(found, service, attempt)
        }
    }

    private func lookUp(_ service: AuthService) async throws(UsherError) -> Lookup {
        // A name that nobody can have is looked up all the same, as one that nobody has.
        try await service.store.lookUp(name ?? .username(Username(stored: "")))
    }

    private func logIn(_ found: Lookup, _ service: AuthService, _ attempt: Attempt) async throws(UsherError) -> SessionGrant {
        var found = found
        let draw = service.draw(of: name)
        for _ in 0..<Self.tries {
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
            case .codeRequired:
                throw service.challenge(
                    account.user.id, password: check.replacement ?? account.passwordHash, audience: audience)
            case .codeRefused(let error): throw error
            case .stale: found = try await lookUp(service)
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
