import UsherJSON
import UsherModel
import UsherToken

/// The second step of a LOGIN with a second factor: the code, for the challenge that the first step was answered with.
struct LoginCompletion: DeferredRequest {
    private let challenge: LoginChallenge
    private let code: SecondFactorCode
    private let client: Client

    /// - Throws: `token_invalid`, `token_expired`, of the challenge.
    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        let text = Array(try request.requiredString("challenge", in: line).utf8)
        for name in ["login", "username", "email", "password", "audience"] as [StaticString] {
            guard request.value(name, in: line) == nil else {
                throw .invalidField("challenge", "With a challenge there is \"code\", and no \"\(name)\".")
            }
        }
        code = try request.secondFactorCode(in: line)
        client = try request.client(in: line, rights)
        challenge = try service.issuer.authenticateChallenge(text.span)
        guard rights.audiences.allow(challenge.audience) else {
            throw UsherError(.tokenInvalid, "The challenge is for another audience.")
        }
        let isOfNow = Double(challenge.expiresAt - Limits.challenge) >= service.tokensBefore
        guard isOfNow, !challenge.isExpired(now: service.clock.now()) else {
            throw UsherError(.tokenExpired, "The login took too long; begin again.", detail: .expiredAt(challenge.expiresAt))
        }
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        guard let name = try await service.store.account(challenge.user)?.user.username else { throw .changedSince }
        let found = try await service.store.lookUp(.username(name))
        guard let account = found.account, account.user.id == challenge.user else { throw .changedSince }
        attempt.user = account.user
        guard challenge.isBound(to: account.passwordHash, by: service.issuer) else { throw .changedSince }
        try service.requireConfirmedEmail(of: account)
        return try await service.throttled(name.folded, found, attempt) { () async throws(UsherError) in
            try await logIn(account, service, attempt)
        }
    }

    private func logIn(_ account: Account, _ service: AuthService, _ attempt: Attempt) async throws(UsherError) -> SessionGrant {
        let session = service.newSession(of: account.user.id, audience: challenge.audience, client: client)
        let check = service.check(code, of: account.user.id)
        let login = Login(
            verified: account.passwordHash, replacement: nil, session: session, maxSessions: service.limits.sessionsPerUser
        ) { factor, time throws(UsherError) in try check.outcome(for: factor, at: time) }
        switch try await service.store.open(login) {
        case .opened(let user, let ended):
            service.refuse(ended)
            attempt.user = user
            if code.isRecovery { attempt.finding = .recoveryCode }
            return try service.grant(session, to: user, at: session.rotatedAt)
        case .codeRefused(let error):
            attempt.remark = "the password was right, the code was not"
            throw error
        case .disabled: throw UsherError(.accountDisabled)
        case .stale: throw .changedSince
        case .codeRequired: throw UsherError(.internal, cause: "a code was given, and the store asks for one")
        }
    }
}

extension UsherError {
    fileprivate static let changedSince = UsherError(.tokenRevoked, "The account has changed since the login began; begin again.")
}

extension AuthService {
    /// What a right password is answered with where a second factor is in force.
    /// - Parameter hash: the one that the account has now.
    func challenge(_ user: UserID, password hash: PasswordHash, audience: String) -> UsherError {
        let now = clock.now()
        let challenge = issuer.challenge(
            to: user, password: hash, audience: audience, issuedAt: now, expiresAt: now + Limits.challenge)
        return UsherError(.otpRequired, detail: .challenge(challenge, expiresIn: Limits.challenge))
    }
}
