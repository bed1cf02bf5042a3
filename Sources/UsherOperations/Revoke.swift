import UsherJSON
import UsherModel
import UsherThreads
import UsherToken

/// REVOKE (RFC 7009): a token, a session (logout), or all sessions of a user (logout everywhere) stop at once. What is no token of ours,
/// or could no longer be used, is no error.
struct Revoke: DeferredRequest {
    static let operation = Operation(
        name: "REVOKE",
        summary: "Revoke a token, end its session, or end all sessions of its user.",
        members: [
            .init("token", "string: an access or a refresh token"),
            .init("session", "string, optional: the id of another session of the same user, which is ended instead"),
            .init(
                "scope", "string, optional: \"token\", \"session\" or \"user\"; by default the token, a refresh token's session"),
        ],
        example: #"{"op":"REVOKE","token":"eyJhbGciOi...","scope":"session"}"#,
        event: .revoke,
        run: .deferred { request, line, _, service throws(UsherError) in
            try Revoke(reading: request, line, service)
        })

    private enum Scope: String {
        case token, session, user
    }

    /// What is to be revoked, as the token tells it.
    private enum Target: Sendable {
        case nothing
        /// - Parameter session: what is revoked instead where there are too many.
        case token(Revocation, session: Revocation)
        /// - Parameters:
        ///   - isLive: whether the token shown was good until now.
        ///   - until: the `exp` of an access token shown.
        ///   - proof: the refresh token whose `jti` is to be checked against the session's seed.
        case session(Revocation, isLive: Bool, until: NumericDate, proof: RefreshToken?)
        case user(UserID?, Revocation)
        /// One that the bearer of a live access token has picked from their list.
        case picked(SessionID, of: UserID)
    }

    private let target: Target

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ service: AuthService) throws(UsherError) {
        let text = Array(try request.requiredString("token", in: line).utf8)
        let scope: Scope?
        if let word = try request.string("scope", in: line) {
            guard let known = Scope(rawValue: word) else {
                throw .invalidField("scope", "The scope is \"token\", \"session\" or \"user\".")
            }
            scope = known
        } else {
            scope = nil
        }
        let picked = try request.string("session", in: line)
        guard picked == nil || scope == nil || scope == .session else {
            throw .invalidField("scope", "With \"session\", the scope can only be \"session\".")
        }
        if let token = try? service.issuer.authenticate(text.span) {
            target =
                if let picked { Self.target(of: token, picked: picked, service) } else {
                    Self.target(of: token, scope ?? .token, service)
                }
            service.issuer.recycle(token)
        } else if let token = try? service.issuer.authenticateRefresh(text.span) {
            guard picked == nil else {
                throw .invalidField("session", "To end another session takes an access token.")
            }
            guard scope == nil || scope == .session else {
                throw .invalidField("scope", "A refresh token stands for its session: the scope can only be \"session\".")
            }
            target = .session(
                Revocation(kind: .session, id: token.session.description, until: service.lastExpiry()), isLive: false,
                until: 0, proof: token)
        } else {
            target = .nothing
        }
    }

    private static func isLive(_ token: borrowing AccessToken, _ service: AuthService) -> Bool {
        !token.isExpired(now: service.clock.now(), tolerance: service.tokens.clockTolerance)
            && !service.isRevokedForGood(token)
    }

    private static func target(of token: borrowing AccessToken, picked: String, _ service: AuthService) -> Target {
        guard isLive(token, service), let session = UUIDv7(parsing: picked), let user = UUIDv7(parsing: token.userID()) else {
            return .nothing
        }
        return .picked(SessionID(session), of: UserID(user))
    }

    private static func target(of token: borrowing AccessToken, _ scope: Scope, _ service: AuthService) -> Target {
        let isLive = isLive(token, service)
        // Of a session that the store does not know, only a bound can be told of how long its tokens may be good.
        let session = Revocation(
            kind: .session, id: token.sessionID(), until: max(token.until(), service.lastExpiry()))
        switch scope {
        case .token:
            guard isLive else { return .nothing }
            let id = Revocation(kind: .token, id: token.id(), until: token.until(), session: session.id)
            return .token(id, session: session)
        case .session: return .session(session, isLive: isLive, until: token.until(), proof: nil)
        case .user: return isLive ? .user(UUIDv7(parsing: token.userID()).map(UserID.init), session) : .nothing
        }
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let isRevoked = try await revoke(on: service, as: attempt)
        attempt.isWithoutEffect = !isRevoked
        return Revoked(isRevoked: isRevoked)
    }

    /// - Returns: whether something was revoked that was good until now.
    private func revoke(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> Bool {
        switch target {
        case .nothing: return false
        case .token(let revocation, let session):
            if service.hasRoomForRevocations {
                let outcome = try await service.orRefuse(revocation) { service throws(UsherError) in
                    try await service.store.revoke(revocation)
                }
                guard outcome == .tooMany else {
                    service.refuse([revocation])
                    return true
                }
                attempt.remark = "its session has \(Limits.revokedTokensPerSession) revoked tokens: it is ended instead"
            } else {
                attempt.remark = "\(service.limits.revocations) revocations are in force: its session is ended instead"
            }
            _ = try await end(session, isLive: true, until: revocation.until, proof: nil, on: service, as: attempt)
            return true
        case .session(let revocation, let isLive, let until, let proof):
            return try await end(revocation, isLive: isLive, until: until, proof: proof, on: service, as: attempt)
        case .picked(let session, let user): return try await service.end(session, of: user, as: attempt)
        case .user(let user, let session):
            var ended: [Revocation] = []
            if let user {
                ended = try await service.orRefuse(session) { service throws(UsherError) in
                    try await service.store.endSessions(of: user, at: service.clock.now())
                }
                service.refuse(ended)
            }
            // The session of a token made elsewhere is none of those that the store has.
            if !ended.contains(where: { $0.id == session.id }) { try await revokeUnknown(session, on: service) }
            return true
        }
    }

    private enum Found: Sendable {
        case unknown
        case forged
        case ended(StoredSession, wasLive: Bool)
    }

    private func end(
        _ revocation: Revocation, isLive: Bool, until: NumericDate, proof: RefreshToken?, on service: AuthService,
        as attempt: Attempt
    ) async throws(UsherError) -> Bool {
        let now = service.clock.now()
        let hash = service.hash
        let found = try await service.orRefuse(revocation) { service throws(UsherError) in
            guard let uuid = UUIDv7(parsing: revocation.id) else { return Found.unknown }
            return try await service.store.update(SessionID(uuid)) { stored, _ in
                guard let stored else { return .keep(.unknown) }
                if let proof, !proof.isGenuine(seed: stored.session.seed, hash: hash) { return .keep(.forged) }
                guard stored.session.endedAt == nil else { return .keep(.ended(stored, wasLive: false)) }
                return .end(now, .ended(stored, wasLive: isLive || stored.session.expiresAt > now))
            }
        }
        switch found {
        case .forged: return false
        case .ended(let stored, let wasLive):
            attempt.user = stored.account.user
            try await service.refuse(stored.session, until: until)
            return wasLive
        case .unknown:
            // A session of a token made elsewhere: there is no row to end, but tokens to refuse.
            guard isLive else { return false }
            try await revokeUnknown(revocation, on: service)
            return true
        }
    }

    /// Revokes a session that the store has no row of.
    /// - Throws: `busy` if there are too many revocations: none that is in force may give way.
    private func revokeUnknown(_ session: Revocation, on service: AuthService) async throws(UsherError) {
        guard service.hasRoomForRevocations else {
            throw UsherError(
                .busy, "Too many revocations are in force; try again when some have expired.",
                detail: .retryAfterMilliseconds(Int(Limits.purgeInterval)))
        }
        try await service.orRefuse(session) { service throws(UsherError) in _ = try await service.store.revoke(session) }
        service.refuse([session])
    }

    private struct Revoked: Output {
        let isRevoked: Bool
        func write(to writer: inout JSONWriter) { writer.member("revoked", isRevoked) }
    }
}

extension AuthService {
    /// An upper bound of the `exp` of any token of a session that is issued elsewhere or was before the settings changed.
    func lastExpiry() -> NumericDate { clock.now() + tokens.sessionMaxAge }

    /// An upper bound of the `exp` of any access token that is issued under the present settings.
    func lastIssued() -> NumericDate { clock.now() + tokens.refreshGrace + tokens.accessExpiry }

    /// The same, and of the one that was shown.
    func lastIssued(or bearer: Bearer) -> NumericDate { max(lastIssued(), bearer.until) }

    /// Ends a session that somebody has picked from a list.
    /// - Parameter audit: given what is returned.
    /// - Returns: whether it is that user's, and was live.
    func end(
        _ id: SessionID, of user: UserID, as attempt: Attempt, audit: AuditNote<Bool>? = nil
    ) async throws(UsherError) -> Bool {
        let now = clock.now()
        let found = Lock<StoredSession?>(nil)
        do throws(UsherError) {
            _ = try await store.update(id, audit: audit) { stored, _ in
                guard let stored, stored.account.user.id == user, stored.session.endedAt == nil, stored.session.expiresAt > now
                else { return .keep(false) }
                found.withLock { $0 = stored }
                return .end(now, true)
            }
        } catch {
            // Before the store has told whose session it is, it may be anybody's: then it is not refused.
            if error.code == .storeUnavailable, let session = found.withLock({ $0 })?.session {
                refuseUnsettled(session.revocation)
            }
            throw error
        }
        guard let ended = found.withLock({ $0 }) else { return false }
        attempt.user = ended.account.user
        refuse([ended.session.revocation])
        return true
    }

    /// Runs `work`; if the store fails in it, refuses in memory at once what it was to make durable.
    func orRefuse<R: Sendable>(
        _ revocation: Revocation, _ work: (AuthService) async throws(UsherError) -> R
    ) async throws(UsherError) -> R {
        do throws(UsherError) {
            return try await work(self)
        } catch {
            if error.code == .storeUnavailable { refuseUnsettled(revocation) }
            throw error
        }
    }
}
