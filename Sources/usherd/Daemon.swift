import Glibc
import UsherCrypto
import UsherModel
import UsherOperations
import UsherSQLite
import UsherServer
import UsherSystemd
import UsherThreads
import UsherToken

/// Builds everything and runs it.
enum Daemon {
    /// Serves until it is asked to stop.
    /// - Parameter reread: reads the configuration once more.
    /// - Throws: what kept it from starting.
    static func run(_ configuration: Configuration, reread: @escaping Running.Read) throws(StartFailure) {
        // Before the first thread, which would take the signals otherwise; and before the first secret.
        let signals = try Signals.block()
        try forbidMemoryDumps()
        raiseDescriptorLimit()

        guard let statePath = configuration.state else {
            throw StartFailure("No state folder: give --state DIR, or set server.state.")
        }
        let state = try StateFolder(claiming: statePath)
        var made: [Listener] = []
        do throws(StartFailure) {
            let secrets = try Secrets(state: state, algorithm: configuration.tokens.algorithm, random: OpenSSLRandom())
            made = try listeners(configuration)
            if try serve(configuration, made, state, secrets, signals, reread) { state.release() }
        } catch {
            // A socket that nobody serves would make clients wait.
            for listener in made { listener.remove() }
            state.release()
            throw error
        }
    }

    /// - Returns: whether all was closed in order.
    private static func serve(
        _ configuration: Configuration, _ listeners: [Listener], _ state: StateFolder, _ secrets: Secrets, _ signals: Int32,
        _ reread: @escaping Running.Read
    ) throws(StartFailure) -> Bool {
        let clock = SystemClock()
        let journal = Journal(threshold: configuration.logLevel.priority, clock: clock)
        for variable in secrets.ignored {
            journal.record(
                Event(
                    .notice, .warning,
                    "the environment's \(variable) is ignored: a credential comes before it; take one of both away"))
        }
        let made = secrets.made + (state.hasDatabase ? [] : [state.database])
        if !made.isEmpty {
            journal.record(
                Event(.notice, .notice, "made anew, since there was none: \(made.joined(separator: ", "))"))
        }
        let remark = state.predecessor.map { "the last run (process \($0)) came to a sudden end" }
        if let remark { journal.record(Event(.crashed, .warning, remark)) }
        let reactorBox = Lock<Reactor?>(nil)
        let dataKey = try dataKey(secrets)
        let store: SQLiteStore
        do throws(StoreOpenError) {
            store = try SQLiteStore(
                path: state.database, clock: clock, queue: configuration.limits.storeQueue,
                graceMilliseconds: configuration.tokens.refreshGrace * 1000,
                timeoutMilliseconds: configuration.limits.storeTimeout, dataKey: dataKey.identifier, events: journal
            ) { revocations in
                reactorBox.withLock { $0 }?.refuse(revocations)
            }
        } catch {
            throw StartFailure(error.description)
        }
        let judges = try PasswordJudges(configuration)
        let pool: HashPool
        let settings: ServiceSettings
        do throws(UsherError) {
            settings = try ServiceSettings(configuration, secrets, judges)
            pool = HashPool(
                workers: workers(configuration.limits), queue: configuration.limits.hashQueue,
                hasher: try CryptHasher(settings: configuration.passwords), clock: clock)
        } catch {
            throw StartFailure(error.cause ?? error.message)
        }
        let service = AuthService(
            settings: settings, store: store, workers: pool, clock: clock, random: OpenSSLRandom(), hash: OpenSSLHash(),
            seal: dataKey, log: journal, administrators: administrators(), version: Usher.version)
        let running = Running(
            configuration, secrets, state: state, sockets: Set(listeners.map(\.name)), rereadBy: reread, store: store, pool: pool,
            journal: journal)
        running.noteMissingSockets(configuration)
        let supervisor = Supervisor()
        let places = listeners.map { $0.path ?? "inherited socket \($0.name)" }.joined(separator: ", ")
        let reactor = try Reactor(
            listeners: listeners, signals: signals, hooks: hooks(supervisor, journal, places, running, remark, judges),
            service: service)
        reactorBox.withLock { $0 = reactor }
        let left = try reactor.run()

        let isClosed = store.close(timeoutMilliseconds: max(left, Limits.storeClose))
        if !isClosed {
            journal.record(
                Event(
                    .failure, .error,
                    "the store does not answer and is not waited for any longer; what was acknowledged is on disk",
                    result: "store_unavailable"))
        }
        journal.record(Event(.stopped, .notice, "stopped"))
        _ = journal.close(timeoutMilliseconds: 1000)
        return isClosed
    }

    /// Who may open the admin socket: root and the daemon's own user. Looked up once, here, where it may block.
    private static func administrators() -> [UInt32: String] {
        Set([0, geteuid()]).reduce(into: [:]) { names, uid in names[uid] = Identifiers.loginName(of: uid) }
    }

    private static func hooks(
        _ supervisor: Supervisor, _ journal: Journal, _ places: String, _ running: Running, _ remark: String?,
        _ judges: PasswordJudges
    ) -> Reactor.Hooks {
        let list = judges.breachedCount.map { "; \($0.grouped) breached passwords are refused" } ?? ""
        let status: @Sendable (String) -> Bool = { supervisor.status($0) }
        return Reactor.Hooks(
            ready: { revocations in
                journal.record(
                    Event(
                        .ready, .notice,
                        "usherd \(Usher.version) is ready on \(places); \(revocations) revocations in force\(list)"))
                supervisor.ready(status: (remark.map { "\($0); " } ?? "") + "ready on \(places)")
                releaseStartupPages()
            },
            stopping: { connections in
                journal.record(Event(.stopping, .notice, "stopping; \(connections) connections are answered and closed"))
                supervisor.stopping(status: "Stopping; answering \(connections) connections")
            },
            status: supervisor.isPresent ? status : nil,
            // As often as sd_watchdog_enabled(3) advises.
            watchdog: supervisor.watchdog.map { limit in
                Reactor.Hooks.Watchdog(interval: limit / 2) { supervisor.feedWatchdog() }
            },
            reload: Reload(
                begin: { supervisor.reloading() }, read: { running.readAnew() }, end: { supervisor.ready(status: $0) }),
            remark: remark)
    }

    /// The sockets that systemd hands over, or else those that are to be made.
    private static func listeners(_ configuration: Configuration) throws(StartFailure) -> [Listener] {
        let inherited: [InheritedSocket]
        do throws(UsherError) {
            inherited = try InheritedSockets.take()
        } catch {
            throw StartFailure(error.cause ?? error.message)
        }
        if !inherited.isEmpty { return inherited.map { Listener(inherited: $0.descriptor, name: $0.name) } }
        guard let path = configuration.listen else {
            throw StartFailure("No socket: give --listen PATH, set socket.listen, or start usher.socket with systemd.")
        }
        let app = try Listener(path: path, name: Rules.appSocket)
        guard let path = configuration.adminListen else { return [app] }
        do throws(StartFailure) {
            return [app, try Listener(path: path, name: Rules.adminSocket)]
        } catch {
            app.remove()
            throw error
        }
    }

    private static func dataKey(_ secrets: Secrets) throws(StartFailure) -> DataKey {
        do throws(UsherError) { return try DataKey(secret: secrets.data.bytes.bytes) } catch {
            throw StartFailure(error.cause ?? error.message)
        }
    }

    /// As many threads as are set; by default one processor is left to the reactor.
    private static func workers(_ limits: Limits) -> Int {
        if limits.hashWorkers > 0 { return limits.hashWorkers }
        return max(sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1, 1)
    }
}
