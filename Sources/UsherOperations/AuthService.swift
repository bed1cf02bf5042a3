import Synchronization
public import UsherModel
public import UsherToken

/// What operations work with: the keys, the revocations in memory, the settings, and the ports. Belongs to the reactor: nothing here is
/// locked, and nothing here blocks.
public final class AuthService {
    public let tokens: TokenSettings
    public let passwords: PasswordSettings
    public let limits: Limits
    public let store: any Store
    public let workers: any PasswordWorkers
    public let clock: any Clock
    public let random: any RandomSource
    public let log: any EventLog
    let hash: any KeyedHash
    let issuer: TokenIssuer
    private(set) var revocations = Revocations()
    var importUnderWay: ImportUnderWay?

    /// Revocations that could not be written and hold in memory alone, until `settle` gets them into the store.
    private(set) var unsettled: Set<Revocation> = []
    private let workspace: TokenWorkspace
    /// An atomic that one thread alone writes, without order: a plain addition, with no check of exclusive access.
    private let verified = Atomic<Int>(0)
    /// When the last purge was, by the monotonic clock, and what it took for over, by the wall clock.
    private var purgedAt: Int64
    private var purgedBefore: NumericDate
    private let defaultAudience: [UInt8]
    /// What VERIFY names in HELP and PING.
    public let version: String

    public init(
        tokens: TokenSettings, passwords: PasswordSettings, limits: Limits, issuer: TokenIssuer, store: any Store,
        workers: any PasswordWorkers, clock: any Clock, random: any RandomSource, hash: any KeyedHash, log: any EventLog,
        version: String
    ) {
        self.tokens = tokens
        self.passwords = passwords
        self.limits = limits
        self.issuer = issuer
        self.store = store
        self.workers = workers
        self.clock = clock
        self.random = random
        self.hash = hash
        self.log = log
        self.version = version
        workspace = issuer.workspace()
        purgedAt = clock.monotonicMilliseconds()
        purgedBefore = clock.now() - tokens.clockTolerance
        defaultAudience = Array(tokens.audiences[0].utf8)
    }

    // MARK: Tokens

    /// The whole verification of an access token, in the order in which faults are told.
    /// - Parameter audience: nil for the default one.
    /// - Throws: `token_invalid`, `token_expired`, `token_not_active`, `token_revoked`.
    func verify(_ text: Span<UInt8>, audience: [UInt8]?) throws(UsherError) -> AccessToken {
        let token = try authenticate(text)
        let asked = audience ?? defaultAudience
        try token.check(audience: asked.span)
        try token.checkTime(now: clock.now(), tolerance: tokens.clockTolerance)
        // Looked at first: to hand them over costs a check of exclusive access.
        if !revocations.isEmpty, token.isRevoked(by: revocations) { throw UsherError(.tokenRevoked) }
        verified.store(verified.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        return token
    }

    /// Whether an access token is one of ours, whoever it is for and whenever it was.
    /// - Throws: `token_invalid`.
    func authenticate(_ text: Span<UInt8>) throws(UsherError) -> AccessToken {
        let token = try UnverifiedToken(parsing: text)
            .verified(by: issuer.accessKey, as: .access, in: text, using: workspace)
        return try AccessToken(token, issuer: tokens.issuer)
    }

    /// - Throws: `token_invalid`.
    func authenticateRefresh(_ text: Span<UInt8>) throws(UsherError) -> RefreshToken {
        try RefreshToken(
            UnverifiedToken(parsing: text).verified(by: issuer.refreshKey, as: .refresh, in: text, using: workspace))
    }

    /// Tokens that VERIFY and AUTHORIZE have found good so far.
    public var verifiedCount: Int { verified.load(ordering: .relaxed) }

    func recycle(_ token: consuming AccessToken) { token.recycle(to: workspace) }

    /// Whether the session is refused in memory already.
    func isBlocked(_ session: SessionID) -> Bool { revocations.contains(.session, session.description) }

    // MARK: Revocation: commit, then memory, then reply

    /// From now on these do not verify. To be called after they are durable.
    public func refuse(_ revoked: [Revocation]) {
        revocations.insert(revoked)
        if hasUnsettled { unsettled = unsettled.filter { old in !revoked.contains { $0.kind == old.kind && $0.id == old.id } } }
    }

    /// Whether the token is revoked and will be after a crash, too: what holds in memory alone is not done yet.
    func isRevokedForGood(_ token: borrowing AccessToken) -> Bool {
        guard token.isRevoked(by: revocations) else { return false }
        guard hasUnsettled else { return true }
        let (id, session) = (token.id(), token.sessionID())
        return !unsettled.contains { $0.kind == .token && $0.id == id || $0.kind == .session && $0.id == session }
    }

    /// Refuses the tokens of a session that has been ended in the store.
    /// - Parameter until: when the last token that was seen of it expires: later than the row knows if the store has gone back in time, or
    ///   the token was made elsewhere.
    func refuse(_ ended: Session, until: NumericDate) async throws(UsherError) {
        refuse([ended.revocation])
        guard until > ended.accessUntil else { return }
        let longer = Revocation(kind: .session, id: ended.id.description, until: until)
        try await orRefuse(longer) { service throws(UsherError) in _ = try await service.store.revoke(longer) }
        refuse([longer])
    }

    /// Whether one more may come that somebody chooses to make: a token, or a session that the store does not know. What ends a session
    /// that it knows always may.
    var hasRoomForRevocations: Bool { revocations.count < limits.revocations }

    /// Refuses at once what the store failed to take; `settle` tries again. Of tokens only as many as there is room for: nobody was told
    /// yet that they are revoked.
    func refuseUnsettled(_ revocation: Revocation) {
        guard revocation.kind == .session || hasRoomForRevocations else { return }
        revocations.insert(revocation)
        unsettled.insert(revocation)
    }

    /// How many revocations are in force.
    public var revocationCount: Int { revocations.count }

    public var hasUnsettled: Bool { !unsettled.isEmpty }

    /// Tries again to write what holds in memory alone.
    public func settle() async {
        for revocation in unsettled {
            do throws(UsherError) {
                try await persist(revocation)
                unsettled.remove(revocation)
            } catch {
                // The store says in the journal that it fails; this is tried again.
                return
            }
        }
    }

    private func persist(_ revocation: Revocation) async throws(UsherError) {
        if revocation.kind == .session, let uuid = UUIDv7(parsing: revocation.id) {
            let now = clock.now()
            let known = try await store.update(SessionID(uuid)) { stored, _ -> SessionStep<Session?> in
                guard let session = stored?.session else { return .keep(nil) }
                return session.endedAt == nil ? .end(now, session) : .keep(session)
            }
            if let known { return try await refuse(known, until: revocation.until) }
        }
        guard try await store.revoke(revocation) == .tooMany, let session = revocation.session else { return }
        let instead = Revocation(kind: .session, id: session, until: max(revocation.until, lastExpiry()))
        refuseUnsettled(instead)
        try await persist(instead)
        unsettled.remove(instead)
    }

    /// Forgets revocations of tokens that have expired, here and in the store.
    /// - Throws: what the store throws; memory is purged all the same, unless it holds what the store does not have yet.
    public func purge() async throws(UsherError) {
        let elapsed = clock.monotonicMilliseconds() - purgedAt
        purgedAt += elapsed
        // A wall clock that leaps ahead, and may leap back, takes nothing away with it.
        purgedBefore = min(clock.now() - tokens.clockTolerance, purgedBefore + elapsed / 1000 + 1)
        let moment = purgedBefore
        for part in 0..<Revocations.parts {
            // Until the store has those that are not settled, sessions among them could still be refreshed.
            guard !hasUnsettled else { break }
            // Others have their turn between the parts.
            if revocations.purge(part: part, before: moment) { await Task.yield() }
        }
        while try await store.purge(before: moment, most: Limits.purge) {}
    }
}
