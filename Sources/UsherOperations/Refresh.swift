import UsherJSON
import UsherModel
import UsherThreads
import UsherToken

/// REFRESH: the next pair of tokens for a refresh token, which is good once.
struct Refresh: DeferredRequest {
    static let operation = Operation(
        name: "REFRESH",
        summary: "Exchange a refresh token for a new pair of tokens.",
        members: [
            .init("refresh_token", "string"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"REFRESH","refresh_token":"eyJhbGciOi..."}"#,
        event: .refresh,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Refresh(reading: request, line, rights, service)
        })

    private let token: RefreshToken
    private let client: Client?
    private let audiences: Audiences

    /// A forged or expired token is refused here: it never reaches the store.
    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        client = request.value("client", in: line) == nil ? nil : try request.client(in: line, rights)
        audiences = rights.audiences
        token = try request.withRequiredString("refresh_token", in: line) { text throws(UsherError) in
            try service.issuer.authenticateRefresh(text)
        }
        guard !token.isExpired(now: service.clock.now()) else {
            throw UsherError(.tokenExpired, detail: .expiredAt(NumericDate(token.expiresAt)))
        }
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        if let client { attempt.client = client }
        let now = service.clock.now()
        let isBlocked = service.isBlocked(token.session)
        let decided = Lock<RefreshDecision?>(nil)
        let decision: RefreshDecision
        do throws(UsherError) {
            decision = try await service.store.update(token.session) {
                [token, client, audiences, settings = service.tokens, hash = service.hash] stored, time in
                let decision = RefreshDecision.decide(
                    token, stored, isBlocked: isBlocked, client: client, audiences: audiences, now: now, service: time,
                    settings: settings,
                    hash: hash)
                decided.withLock { $0 = decision }
                return decision.step(at: now)
            }
        } catch {
            // The store was to end the session and failed: it is refused all the same, and ended when the store can.
            if case .end(_, let stored, let why) = decided.withLock({ $0 }) {
                note(why, of: stored, in: attempt)
                service.refuseUnsettled(
                    Revocation(
                        kind: .session, id: stored.session.id.description,
                        until: why.lastExpiry(of: stored.session, at: now, service.tokens)))
            }
            throw error
        }
        switch decision {
        case .rotate(let session, let user), .replay(let session, let user):
            attempt.user = user
            attempt.client = session.client
            // The session may have been ended while this was on its way here; its tokens would not verify.
            return try service.grant(session, to: user, at: now)
        case .refuse(let code, let user):
            attempt.user = user
            throw UsherError(code)
        case .end(let code, let stored, let why):
            note(why, of: stored, in: attempt)
            try await service.refuse(stored.session, until: why.lastExpiry(of: stored.session, at: now, service.tokens))
            throw UsherError(code)
        }
    }

    private func note(_ why: RefreshDecision.Reason, of stored: StoredSession, in attempt: Attempt) {
        attempt.user = stored.account.user
        switch why {
        case .accountDisabled: attempt.remark = "the account is disabled; the session is ended"
        case .blocked: attempt.remark = "the session was revoked before"
        case .parentReused:
            attempt.finding = .refreshReuse
            attempt.remark =
                "the token before the newest was used again after the grace window (a lost reply, probably); the session is ended"
        case .ancestorReused:
            attempt.finding = .refreshReuse
            attempt.remark = "an old refresh token was used again (stolen, probably); the session is ended"
        case .fromTheFuture:
            attempt.finding = .storeRollback
            attempt.remark =
                "a refresh token is newer than the store knows: the store has gone back in time; the session is ended"
        }
    }
}

extension RefreshDecision.Reason {
    /// The last `exp` of an access token of the session.
    fileprivate func lastExpiry(of session: Session, at now: NumericDate, _ settings: TokenSettings) -> NumericDate {
        switch self {
        case .accountDisabled, .blocked, .parentReused, .ancestorReused: session.accessUntil
        // The row does not know of its last rotations.
        case .fromTheFuture: max(session.accessUntil, settings.accessUntil(now, endsAt: session.endsAt))
        }
    }
}

extension Session {
    /// What refuses all its tokens.
    var revocation: Revocation { Revocation(kind: .session, id: id.description, until: accessUntil) }
}
