import UsherCrypto
import UsherJSON
public import UsherModel
public import UsherOperations
public import UsherTesting
import UsherToken
public import UsherWire

/// An AuthService over stand-ins, asked in lines.
public final class Harness {
    public let clock: ManualClock
    public let store: ScriptedStore
    public let hasher: FastHasher
    public let workers: InlineWorkers
    public let quality = ScriptedQuality()
    public let log: RecordingLog
    public let service: AuthService
    /// Whoever asks. Another one is another connection.
    public var caller: Caller
    /// What they may do; all that their socket allows if nil.
    public var rights: Rights?
    private var dispatcher = Dispatcher()

    /// - Parameter predecessor: the harness whose store is to be gone on with, as a daemon does that was restarted.
    public init(
        tokens: TokenSettings = TokenSettings(), passwords: PasswordSettings = PasswordSettings(),
        accounts: AccountSettings = AccountSettings(), limits: Limits = Limits(), hashCost: Int = 1,
        threshold: Event.Priority = .debug, clock: ManualClock = ManualClock(), seed: UInt64 = 1,
        place: Operation.Place = .app, restartOf predecessor: Harness? = nil
    ) {
        self.clock = predecessor?.clock ?? clock
        caller = Caller(peer: Peer(uid: 1000, gid: 1000, pid: 4711), place: place)
        store = ScriptedStore(predecessor?.store.inner.restarted() ?? InMemoryStore(clock: clock))
        hasher = FastHasher(cost: hashCost)
        workers = InlineWorkers(hasher)
        log = RecordingLog(threshold: threshold)
        service = Harness.service(
            tokens: tokens, passwords: passwords, accounts: accounts, limits: limits, store: store, workers: workers,
            quality: [quality], clock: self.clock, log: log,
            seed: predecessor == nil ? seed : seed &+ 1)
    }

    /// What `init` builds, for tests that hand it on.
    public static func service(
        tokens: TokenSettings = TokenSettings(), passwords: PasswordSettings = PasswordSettings(),
        accounts: AccountSettings = AccountSettings(), limits: Limits = Limits(), store: any Store, workers: any PasswordWorkers,
        quality: [any PasswordQuality] = [], clock: any Clock, log: any EventLog, seed: UInt64 = 1
    ) -> sending AuthService {
        AuthService(
            settings: settings(tokens: tokens, passwords: passwords, quality: quality, accounts: accounts, limits: limits),
            store: store, workers: workers, clock: clock, random: SeededRandom(seed: seed), hash: OpenSSLHash(),
            seal: Secrets.dataKey, log: log, administrators: [0: "root"], version: "0.0.1-test")
    }

    public static func settings(
        tokens: TokenSettings = TokenSettings(), passwords: PasswordSettings = PasswordSettings(),
        quality: [any PasswordQuality] = [], accounts: AccountSettings = AccountSettings(), limits: Limits = Limits(),
        rules: [Rule] = [], access: Secrets = .access, refresh: Secrets = .refresh
    ) -> sending ServiceSettings {
        ServiceSettings(
            tokens: tokens, passwords: passwords, quality: quality, accounts: accounts, limits: limits, rules: rules,
            issuer: TokenIssuer(
                accessKey: access.key(tokens.algorithm), refreshKey: refresh.key(tokens.algorithm), hash: OpenSSLHash(),
                settings: tokens))
    }

    /// Wall clock, seconds.
    public var now: NumericDate { clock.now() }

    // MARK: Asking

    /// The reply to one line.
    public func ask(_ line: String) async -> Reply { await answer(dispatch(line)) }

    /// The reply to a line that was dispatched.
    public func answer(_ verdict: Verdict) async -> Reply {
        switch verdict {
        case .answered(let reply): return reply
        case .deferred(let request): return await answer(request)
        case .mustWait: preconditionFailure("a line alone does not wait")
        }
    }

    /// The reply to a request of these members, besides `op`.
    public func ask(_ op: String, _ members: [String: Any]) async -> Reply {
        await ask(json(members.merging(["op": op]) { _, op in op }))
    }

    /// The reply to a request that was put off.
    public func answer(_ request: PendingRequest) async -> Reply {
        Reply(await request.answer(from: caller, service: service))
    }

    public enum Verdict {
        case answered(Reply)
        case deferred(PendingRequest)
        case mustWait
    }

    public func dispatch(_ line: String, mayRunInOrder: Bool = true) -> Verdict {
        dispatch(Array(line.utf8), mayRunInOrder: mayRunInOrder)
    }

    public func dispatch(_ line: [UInt8], mayRunInOrder: Bool = true) -> Verdict {
        var writer = JSONWriter()
        let verdict = dispatcher.dispatch(
            line.span, from: caller, with: rights ?? Rights(everythingAt: caller.place), mayRunInOrder: mayRunInOrder,
            service: service, writer: &writer)
        switch verdict {
        case .answered: return .answered(Reply(writer.bytes))
        case .deferred(let request):
            precondition(writer.count == 0, "a request that is put off has written something")
            return .deferred(request)
        case .mustWait:
            precondition(writer.count == 0, "a request that must wait has written something")
            return .mustWait
        }
    }

    // MARK: What most tests begin with

    public static let password = "correct horse"

    /// Registers and returns the reply.
    public func register(_ username: String = "ada", _ more: [String: Any] = [:]) async -> Reply {
        let usual: [String: Any] = ["username": username, "email": "\(username)@example.org", "password": Harness.password]
        return await ask("REGISTER", usual.merging(more) { _, other in other })
    }

    public func login(_ name: String = "ada", _ password: String = Harness.password, _ more: [String: Any] = [:]) async -> Reply {
        await ask("LOGIN", (["login": name, "password": password] as [String: Any]).merging(more) { _, other in other })
    }

    public func verify(_ token: String, _ more: [String: Any] = [:]) async -> Reply {
        await ask("VERIFY", (["token": token] as [String: Any]).merging(more) { _, other in other })
    }

    public func refresh(_ token: String, _ more: [String: Any] = [:]) async -> Reply {
        await ask("REFRESH", (["refresh_token": token] as [String: Any]).merging(more) { _, other in other })
    }

    public func revoke(_ token: String, _ scope: String? = nil) async -> Reply {
        await ask("REVOKE", scope.map { ["token": token, "scope": $0] } ?? ["token": token])
    }

    /// The stored session that an access token belongs to.
    public func session(of accessToken: String) -> Session? {
        guard let sid = claims(of: accessToken)["sid"] as? String, let uuid = UUIDv7(parsing: sid) else { return nil }
        return store.inner.session(SessionID(uuid))
    }

    public func userID(_ reply: Reply) -> UserID? {
        (reply.object("user")?["id"] as? String).flatMap { UUIDv7(parsing: $0) }.map(UserID.init)
    }
}
