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
    static let version = "0.1.0"

    /// Serves until it is asked to stop.
    /// - Throws: what kept it from starting.
    static func run(_ configuration: Configuration) throws(StartFailure) {
        // Before the first thread, which would take the signals otherwise; and before the first secret.
        let signals = try TerminationSignals.block()
        try forbidMemoryDumps()
        raiseDescriptorLimit()

        guard let statePath = configuration.state else {
            throw StartFailure("No state folder: give --state DIR, or set server.state.")
        }
        let state = try StateFolder(claiming: statePath)
        let secrets = try Secrets(state: state, algorithm: configuration.tokens.algorithm, random: OpenSSLRandom())
        let listeners = try listeners(configuration)
        do throws(StartFailure) {
            try serve(configuration, listeners, state, secrets, signals)
        } catch {
            // A socket that nobody serves would make clients wait.
            for listener in listeners { listener.remove() }
            throw error
        }
    }

    private static func serve(
        _ configuration: Configuration, _ listeners: [Listener], _ state: StateFolder, _ secrets: borrowing Secrets,
        _ signals: Int32
    ) throws(StartFailure) {
        let clock = SystemClock()
        let random = OpenSSLRandom()
        let journal = Journal(threshold: configuration.logLevel.priority, clock: clock)
        let reactorBox = Lock<Reactor?>(nil)
        let store: SQLiteStore
        do throws(StoreOpenError) {
            store = try SQLiteStore(
                path: state.database, clock: clock, queue: configuration.limits.storeQueue,
                graceMilliseconds: configuration.tokens.refreshGrace * 1000,
                timeoutMilliseconds: configuration.limits.storeTimeout, events: journal
            ) { revocations in
                reactorBox.withLock { $0 }?.refuse(revocations)
            }
        } catch {
            throw StartFailure(error.description)
        }
        let service = try service(configuration, secrets, store, clock, random, journal)
        let supervisor = Supervisor()
        let places = listeners.map { $0.path ?? "inherited socket \($0.name)" }.joined(separator: ", ")
        let reactor = try Reactor(
            listeners: listeners, signals: signals, hooks: hooks(supervisor, journal, places), service: service)
        reactorBox.withLock { $0 = reactor }
        try reactor.run()

        store.close()
        journal.record(Event(.stopped, .notice, "stopped"))
        _ = journal.close(timeoutMilliseconds: 1000)
    }

    private static func hooks(_ supervisor: Supervisor, _ journal: Journal, _ places: String) -> Reactor.Hooks {
        let status: @Sendable (String) -> Bool = { supervisor.status($0) }
        return Reactor.Hooks(
            ready: { revocations in
                journal.record(
                    Event(.ready, .notice, "usherd \(version) is ready on \(places); \(revocations) revocations in force"))
                supervisor.ready(status: "Ready on \(places)")
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
            })
    }

    /// The sockets that systemd hands over, or else those that are to be made.
    private static func listeners(_ configuration: Configuration) throws(StartFailure) -> [Listener] {
        let inherited: [InheritedSocket]
        do throws(UsherError) {
            inherited = try InheritedSockets.take()
        } catch {
            throw StartFailure(error.cause ?? error.message)
        }
        if !inherited.isEmpty { return inherited.map { Listener(inherited: $0.descriptor, name: $0.name.rawValue) } }
        guard let path = configuration.listen else {
            throw StartFailure("No socket: give --listen PATH, set socket.listen, or start usher.socket with systemd.")
        }
        let app = try Listener(path: path, name: "app")
        guard let path = configuration.adminListen else { return [app] }
        do throws(StartFailure) {
            return [app, try Listener(path: path, name: "admin")]
        } catch {
            app.remove()
            throw error
        }
    }

    private static func service(
        _ configuration: Configuration, _ secrets: borrowing Secrets, _ store: SQLiteStore, _ clock: SystemClock,
        _ random: OpenSSLRandom, _ journal: Journal
    ) throws(StartFailure) -> AuthService {
        do throws(UsherError) {
            let algorithm = configuration.tokens.algorithm
            let issuer = TokenIssuer(
                accessKey: try HMACKey(algorithm: algorithm, secret: secrets.access),
                refreshKey: try HMACKey(algorithm: algorithm, secret: secrets.refresh), hash: OpenSSLHash(),
                settings: configuration.tokens)
            let pool = HashPool(
                workers: workers(configuration.limits), queue: configuration.limits.hashQueue,
                hasher: try CryptHasher(settings: configuration.passwords), clock: clock)
            return AuthService(
                tokens: configuration.tokens, passwords: configuration.passwords, limits: configuration.limits, issuer: issuer,
                store: store, workers: pool, clock: clock, random: random, hash: OpenSSLHash(), log: journal, version: version)
        } catch {
            throw StartFailure(error.cause ?? error.message)
        }
    }

    /// As many threads as are set; by default one processor is left to the reactor.
    private static func workers(_ limits: Limits) -> Int {
        if limits.hashWorkers > 0 { return limits.hashWorkers }
        return max(sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1, 1)
    }
}
