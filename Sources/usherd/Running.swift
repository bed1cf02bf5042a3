import UsherCrypto
import UsherModel
import UsherOperations
import UsherSQLite
import UsherServer
import UsherSystemd
import UsherThreads
import UsherToken

/// The settings and secrets that are in force, and how they are read anew while the daemon serves.
final class Running: Sendable {
    /// All of a configuration.
    typealias Read = @Sendable () throws(StartFailure) -> Configuration

    private struct InForce {
        var configuration: Configuration
        var secrets: Secrets
    }

    private let inForce: Lock<InForce>
    private let state: StateFolder
    /// The names of those that are listened on.
    private let sockets: Set<String>
    private let readConfiguration: Read
    private let store: SQLiteStore
    private let pool: HashPool
    private let journal: Journal

    init(
        _ configuration: Configuration, _ secrets: Secrets, state: StateFolder, sockets: Set<String>,
        rereadBy readConfiguration: @escaping Read, store: SQLiteStore, pool: HashPool, journal: Journal
    ) {
        inForce = Lock(InForce(configuration: configuration, secrets: secrets))
        self.state = state
        self.sockets = sockets
        self.readConfiguration = readConfiguration
        self.store = store
        self.pool = pool
        self.journal = journal
    }

    /// Reads everything, and says what is to be put in force: all of it, or nothing.
    func readAnew() -> sending Reload.Outcome {
        do throws(StartFailure) {
            return try readGood()
        } catch {
            return Reload.Outcome(
                settings: nil,
                event: Event(
                    .reloadFailed, .error, "the settings before stay in force, all of them: \(error.description)",
                    result: "failed"),
                remark: "reload failed, the settings before are in force: \(error.description)")
        }
    }

    private func readGood() throws(StartFailure) -> sending Reload.Outcome {
        let before = inForce.withLock { $0 }
        var read = try readConfiguration()
        var pending = read.keepWhatNeedsRestart(of: before.configuration)
        let configuration = read
        let secrets = try Secrets(
            state: state, algorithm: configuration.tokens.algorithm, random: OpenSSLRandom(), running: before.secrets)
        pending += secrets.pending
        let judges = try PasswordJudges(configuration)
        let service: ServiceSettings
        let hasher: CryptHasher
        do throws(UsherError) {
            service = try ServiceSettings(configuration, secrets, judges)
            hasher = try CryptHasher(settings: configuration.passwords)
        } catch {
            throw StartFailure(error.cause ?? error.message)
        }
        let now = InForce(configuration: configuration, secrets: secrets)
        inForce.withLock { $0 = now }
        noteMissingSockets(configuration)
        var event = Event(.reloaded, .notice, "", result: "ok")
        event.changed = Configuration.differences(before.configuration, configuration) + secrets.differences(from: before.secrets)
        event.pending = pending
        event.message = message(event, handedOver: secrets.handedOver)
        return Reload.Outcome(
            settings: Reload.Settings(service: service) { [store, pool, journal] in
                let limits = configuration.limits
                store.adopt(
                    queue: limits.storeQueue, graceMilliseconds: configuration.tokens.refreshGrace * 1000,
                    timeoutMilliseconds: limits.storeTimeout)
                pool.adopt(queue: limits.hashQueue, hasher: hasher)
                journal.threshold = configuration.logLevel.priority
            },
            event: event,
            remark: pending.isEmpty ? nil : "restart to change \(pending.joined(separator: ", "))")
    }

    /// Says in the journal which rules are about no socket that there is: its unit may come later, or its name may be wrong.
    func noteMissingSockets(_ configuration: Configuration) {
        let known = sockets.sorted().joined(separator: ", ")
        for rule in configuration.rules {
            guard let name = rule.rule.socket, !sockets.contains(name) else { continue }
            journal.record(
                Event(
                    .notice, .warning,
                    "\(rule.path).socket: no socket \"\(name)\" was handed over; these were: \(known). Is its FileDescriptorName= the same?"
                ))
        }
    }

    private func message(_ event: Event, handedOver: [String]) -> String {
        var message = "settings were read anew; "
        message += event.changed.isEmpty ? "none has changed" : "changed: \(event.changed.joined(separator: ", "))"
        if !event.pending.isEmpty { message += "; restart to change: \(event.pending.joined(separator: ", "))" }
        if !handedOver.isEmpty { message += "; read at start only: \(handedOver.joined(separator: ", "))" }
        return message
    }
}

extension ServiceSettings {
    /// - Throws: `internal` when libcrypto fails.
    init(_ configuration: Configuration, _ secrets: Secrets, _ judges: PasswordJudges) throws(UsherError) {
        let algorithm = configuration.tokens.algorithm
        self.init(
            tokens: configuration.tokens, passwords: configuration.passwords, quality: judges.all,
            accounts: configuration.accounts, limits: configuration.limits,
            rules: configuration.rules.map(\.rule),
            issuer: TokenIssuer(
                accessKey: try HMACKey(algorithm: algorithm, secret: secrets.access.bytes.bytes),
                refreshKey: try HMACKey(algorithm: algorithm, secret: secrets.refresh.bytes.bytes), hash: OpenSSLHash(),
                settings: configuration.tokens))
    }
}
