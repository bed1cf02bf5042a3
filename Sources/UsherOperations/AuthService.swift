import Synchronization
public import UsherModel
import UsherToken

/// What operations work with: the keys, the revocations in memory, the settings, and the ports. Belongs to the reactor: nothing here is
/// locked, and nothing here blocks.
public final class AuthService {
    // Not public: then the compiler sees that what VERIFY reads of it never overlaps with `adopt`, and checks nothing.
    private var settings: ServiceSettings
    private var defaultAudience: [UInt8]
    public let store: any Store
    public let workers: any PasswordWorkers
    public let clock: any Clock
    public let random: any RandomSource
    public let log: any EventLog
    /// The login names of those who may open the admin socket, by uid.
    public let administrators: [UInt32: String]
    let hash: any KeyedHash
    let seal: any SecretSeal
    public let tally = Tally()
    /// The server's connections, once there is a server.
    public var connections: (any Connections)?
    /// When this service was made, by the wall clock and in monotonic milliseconds.
    let started: (date: NumericDate, moment: Int64)
    private(set) var revocations = Revocations()
    private(set) var roles = Roles()
    var throttle: Throttle
    var importUnderWay: ImportUnderWay?
    var backupUnderWay: UnderWay?
    /// No access token that was issued before is good, in seconds since 1970: that of the last restore.
    private(set) var tokensBefore = -Double.infinity

    /// Revocations that could not be written and hold in memory alone, until `settle` gets them into the store.
    private(set) var unsettled: Set<Revocation> = []
    /// An atomic that one thread alone writes, without order: a plain addition, with no check of exclusive access.
    private let verified = Atomic<Int>(0)
    private var horizon: PurgeHorizon
    /// What VERIFY names in HELP and PING.
    public let version: String

    public init(
        settings: ServiceSettings, store: any Store, workers: any PasswordWorkers, clock: any Clock, random: any RandomSource,
        hash: any KeyedHash, seal: any SecretSeal, log: any EventLog, administrators: [UInt32: String], version: String
    ) {
        self.settings = settings
        defaultAudience = Array(settings.tokens.audiences[0].utf8)
        self.store = store
        self.workers = workers
        self.clock = clock
        self.random = random
        self.hash = hash
        self.seal = seal
        self.log = log
        self.administrators = administrators
        self.version = version
        throttle = Throttle(settings.limits.throttle)
        started = (clock.now(), clock.monotonicMilliseconds())
        horizon = PurgeHorizon(
            from: nil, wall: clock.now() - TokenSettings.longestClockTolerance, monotonic: clock.monotonicMilliseconds())
    }

    var tokens: TokenSettings { settings.tokens }
    var issuer: TokenIssuer { settings.issuer }
    public var passwords: PasswordSettings { settings.passwords }
    /// Who judges new passwords, in the order in which they are asked.
    var quality: [any PasswordQuality] { settings.quality }
    public var accounts: AccountSettings { settings.accounts }
    public var limits: Limits { settings.limits }
    /// Who may call what.
    public var rules: [Rule] { settings.rules }

    /// From now on these are in force, for requests that are under way too.
    public func adopt(_ settings: ServiceSettings) {
        self.settings = settings
        defaultAudience = Array(settings.tokens.audiences[0].utf8)
        throttle.adopt(limits.throttle)
    }

    /// Takes up from the store what the last daemon knew: what is revoked, what attempts were counted, and how far it has purged. Before the first request.
    public func load() async throws(UsherError) {
        // All that were not purged: a clock that is ahead for now must not leave any out.
        refuse(try await store.revocations(since: .min))
        roles = try await store.roles()
        if let moment = try await store.tokensBefore() {
            tokensBefore = Double(moment)
            if clock.now() < moment {
                log.record(
                    Event(
                        .notice, .warning,
                        "the clock is behind that of the last restore: for \(moment - clock.now()) s no token is good"))
            }
        }
        try await restoreThrottle()
        horizon = PurgeHorizon(
            from: try await store.lastPurge(), wall: clock.now() - TokenSettings.longestClockTolerance,
            monotonic: clock.monotonicMilliseconds())
    }

    // MARK: Tokens

    /// The whole verification of an access token, in the order in which faults are told.
    /// - Parameter audience: nil for the default one.
    /// - Throws: `token_invalid`, `token_expired`, `token_not_active`, `token_revoked`.
    func verify(_ text: Span<UInt8>, audience: [UInt8]?) throws(UsherError) -> AccessToken {
        let token = try issuer.authenticate(text)
        let asked = audience ?? defaultAudience
        try token.check(audience: asked.span)
        try token.checkTime(now: clock.now(), tolerance: tokens.clockTolerance)
        guard token.issuedAt >= tokensBefore else { throw UsherError(.tokenRevoked) }
        // Looked at first: to hand them over costs a check of exclusive access.
        if !revocations.isEmpty {
            switch token.standing(by: revocations) {
            case .live: break
            case .revoked: throw UsherError(.tokenRevoked)
            case .stale: throw .stale
            }
        }
        verified.store(verified.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        return token
    }

    /// Tokens that VERIFY and AUTHORIZE have found good so far.
    public var verifiedCount: Int { verified.load(ordering: .relaxed) }

    /// Whether a bearer's token is still good: what was revoked while its request waited must not take place any more.
    /// - Throws: `token_revoked`.
    func requireLive(_ bearer: Bearer) throws(UsherError) {
        if isBlocked(bearer.session) || revocations.contains(.token, bearer.token) { throw UsherError(.tokenRevoked) }
        guard let needed = revocations.version(of: bearer.user.uuid) else { return }
        // Of an account that is gone there is nothing to refresh.
        if needed == Revocation.deleted { throw UsherError(.tokenRevoked) }
        if bearer.version < needed { throw .stale }
    }

    /// Whether the session is refused in memory already.
    func isBlocked(_ session: SessionID) -> Bool { !revocations.isEmpty && revocations.contains(.session, session.uuid) }

    // MARK: Revocation: commit, then memory, then reply

    /// What a role allows from now on. To be called after it is durable.
    func adopt(_ edited: EditedRole) {
        roles.adopt(edited.roles)
        if let revocation = edited.revocation { refuse([revocation]) }
    }

    /// Takes up what the store holds revoked after it has come back.
    public func recover(_ revoked: [Revocation]) async {
        refuse(revoked)
        // An edit that was given up and committed later: until memory knows its roles too, new tokens would be as stale as the older ones.
        guard revoked.contains(where: { $0.kind == .role && $0.version > roles.version }) else { return }
        do throws(UsherError) {
            roles.adopt(try await store.roles())
        } catch {
            // It fails again: it says so in the journal, and this is called when it is back.
        }
    }

    /// From now on these do not verify. To be called after they are durable.
    public func refuse(_ revoked: [Revocation]) {
        revocations.insert(revoked)
        if hasUnsettled { unsettled = unsettled.filter { old in !revoked.contains { $0.kind == old.kind && $0.id == old.id } } }
    }

    /// Whether the token is revoked and will be after a crash, too: what holds in memory alone is not done yet.
    func isRevokedForGood(_ token: borrowing AccessToken) -> Bool {
        guard token.issuedAt >= tokensBefore else { return true }
        switch token.standing(by: revocations) {
        case .live: return false
        case .stale: return true
        case .revoked: break
        }
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

    /// Says in the journal which revocations end with this process, if there are any.
    public func tellLost() {
        guard hasUnsettled else { return }
        // An id of a token made elsewhere may be of any length.
        let ids = unsettled.map { "\($0.kind) \($0.id.prefix(Limits.requestID))" }.sorted()
        let told = ids.prefix(Limits.lostRevocations).joined(separator: ", ")
        let others = ids.count > Limits.lostRevocations ? " and \((ids.count - Limits.lostRevocations).grouped) others" : ""
        log.record(
            Event(
                .revocationsLost, .critical,
                "\(ids.count.grouped) revocations could not be written, since the store failed, and end with this process; "
                    + "valid again from the next start on: \(told)\(others)"))
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

    /// Forgets revocations of tokens that have expired, here and in the store, attempts that count no more, and old acts of administrators.
    /// - Throws: what the store throws; memory is purged all the same, unless it holds what the store does not have yet.
    public func purge() async throws(UsherError) {
        await purgeThrottle()
        horizon.advance(wall: clock.now() - TokenSettings.longestClockTolerance, monotonic: clock.monotonicMilliseconds())
        let moment = horizon.moment
        for part in 0..<Revocations.parts {
            // Until the store has those that are not settled, sessions among them could still be refreshed.
            guard !hasUnsettled else { break }
            // Others have their turn between the parts.
            if revocations.purge(part: part, before: moment) { await Task.yield() }
        }
        while try await store.purge(before: moment, most: Limits.purge) {}
        while try await store.pruneActs(
            before: moment - limits.auditAge, keeping: limits.auditActsKept, most: Limits.purge)
        {}
    }
}

extension UsherError {
    /// What is said of an access token that is older than the last change of its account.
    fileprivate static let stale = UsherError(
        .tokenRevoked, "The account has changed since the token was issued; refresh it.", detail: .reason("stale"))
}
