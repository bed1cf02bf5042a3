import UsherJSON
import UsherModel

/// REGISTER: a new account and its first session; or a token for confirming its email, where nobody is let in without.
struct Register: DeferredRequest {
    static let operation = Operation(
        name: "REGISTER",
        summary: "Create an account and log it in.",
        members: [
            .init("username", "string: 1 to 64 ASCII letters, digits, '.', '_', '-'"),
            .init("email", "string"),
            .init("password", "string"),
            .init("audience", "string, optional: one of the configured audiences"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user; attempts are counted by the ip"),
        ],
        example: #"{"op":"REGISTER","username":"ada","email":"ada@example.org","password":"correct horse"}"#,
        event: .register,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Register(reading: request, line, rights, service)
        })

    private let username: Username
    private let email: Email
    private let password: SharedSecret
    private let audience: String
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        let username = try request.requiredString("username", in: line)
        let email = try request.requiredString("email", in: line)
        password = try request.requiredSecret("password", in: line)
        self.username = try Username(parsing: username)
        self.email = try Email(parsing: email)
        audience = try request.sessionAudience(in: line, rights, of: service.tokens)
        client = try request.client(in: line, rights)
        try service.passwords.check(password.bytes)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        // Whether a name is taken is worth knowing to those who guess: to have asked counts. A password that is refused tells that it is not.
        return try await service.perAddress(.register, attempt, counting: [.accountExists, .weakPassword]) {
            () async throws(UsherError) in
            try await create(on: service, as: attempt)
        }
    }

    private func create(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        // Asked first, so that a name that is taken costs no hash; the store has the last word.
        if let taken = try await service.store.takenField(username: username, email: email) {
            throw UsherError(.accountExists, "Another account has this \(taken).", detail: .field(taken))
        }
        let hash = try await service.hash(
            newPassword: password, of: PasswordOwner(username: username, email: email), for: attempt.caller)
        let user = User(id: UserID(service.newID()), username: username, email: email, createdAt: service.clock.now())
        let account = Account(user: user, passwordHash: hash)
        guard !service.accounts.requireConfirmedEmail else {
            try await service.store.create(account, session: nil)
            attempt.user = user
            // If this fails, CONFIRM issues one.
            return Unconfirmed(
                user: service.roles.granted(to: user),
                confirmation: try await service.issueToken(for: .confirmation, to: .user(user.id)))
        }
        let session = service.newSession(of: user.id, audience: audience, client: client)
        try await service.store.create(account, session: session)
        attempt.user = user
        return try service.grant(session, to: user, at: session.rotatedAt)
    }

    private struct Unconfirmed: Output {
        let user: User
        let confirmation: IssuedToken?

        func write(to writer: inout JSONWriter) {
            writer.name("user")
            user.write(to: &writer)
            writer.name("confirmation_token")
            guard let confirmation else { return writer.null() }
            writer.value(confirmation.text)
            writer.member("confirmation_expires_in", confirmation.expiresIn)
        }
    }
}
