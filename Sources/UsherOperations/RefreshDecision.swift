import UsherModel
import UsherToken

/// What becomes of a session when one of its refresh tokens is shown (RFC 9700 §4.14.2): a pure function of the token, the row and the time.
///
/// Indirect, since it is handed on many times, and a session and a user are large.
indirect enum RefreshDecision: Sendable {
    /// The token was the newest: here is the next, to be written.
    case rotate(Session, User)
    /// The one before, within the grace window: the newest again, nothing written.
    case replay(Session, User)
    /// No, and nothing changes.
    case refuse(UsherError.Code, User?)
    /// No, and the session ends.
    case end(UsherError.Code, StoredSession, why: Reason)

    enum Reason: Sendable {
        case accountDisabled
        /// A revocation holds in memory that the store does not have yet.
        case blocked
        /// The token before the newest, past the grace window: probably a lost reply.
        case parentReused
        /// An older one: probably a stolen token.
        case ancestorReused
        /// A token that the store has not issued yet: the store has gone back in time.
        case fromTheFuture
    }

    /// - Parameters:
    ///   - isBlocked: whether the session is refused in memory.
    ///   - audiences: those that whoever shows the token may ask for.
    static func decide(
        _ token: RefreshToken, _ stored: StoredSession?, isBlocked: Bool, client: Client?, audiences: Audiences, now: NumericDate,
        service: ServiceTime, settings: TokenSettings, hash: any KeyedHash
    ) -> RefreshDecision {
        guard let stored, stored.session.endedAt == nil, now < stored.session.expiresAt else {
            return .refuse(.tokenRevoked, stored?.account.user)
        }
        var session = stored.session
        let user = stored.account.user
        guard token.isGenuine(seed: session.seed, hash: hash) else { return .refuse(.tokenInvalid, nil) }
        // Another app's: its own app goes on with it.
        guard audiences.allow(session.audience) else { return .refuse(.tokenInvalid, user) }
        if isBlocked { return .end(.tokenRevoked, stored, why: .blocked) }
        if stored.account.isDisabled { return .end(.accountDisabled, stored, why: .accountDisabled) }

        let current = session.generation
        if token.generation == current {
            session.generation += 1
            session.rotatedAt = now
            session.rotatedService = service.now
            session.expiresAt = min(now + settings.refreshExpiry, session.endsAt)
            session.accessUntil = max(session.accessUntil, settings.accessUntil(now, endsAt: session.endsAt))
            if let client { session.client = client }
            return .rotate(session, user)
        }
        if token.generation > current { return .end(.tokenRevoked, stored, why: .fromTheFuture) }
        guard token.generation == current - 1 else { return .end(.refreshTokenReused, stored, why: .ancestorReused) }
        guard service.isWithin(settings.refreshGrace * 1000, of: session.rotatedService) else {
            return .end(.refreshTokenReused, stored, why: .parentReused)
        }
        // After a restart, or a step of the wall clock, the window may be open so late that no access token can be made without the store
        // knowing of a later `exp`.
        guard min(now + settings.accessExpiry - settings.refreshGrace, session.endsAt) <= session.accessUntil else {
            session.accessUntil = settings.accessUntil(now, endsAt: session.endsAt)
            return .rotate(session, user)
        }
        return .replay(session, user)
    }

    func step(at now: NumericDate) -> SessionStep<RefreshDecision> {
        switch self {
        case .rotate(let session, _): .rotate(session, self)
        case .replay, .refuse: .keep(self)
        case .end: .end(now, self)
        }
    }
}
