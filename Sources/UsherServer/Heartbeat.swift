import UsherModel
import UsherOperations

/// What the supervisor is told again and again: that the daemon is alive, and what it is doing. Nobody is woken for it but to feed the
/// watchdog, and to tell of a change.
struct Heartbeat {
    private let hooks: Reactor.Hooks
    /// How long the hash pool may bring nothing forth, in milliseconds.
    private var patience: Int64
    private var nextFeed: Int64
    /// What the supervisor knows, once it was told that the daemon is ready.
    private var told = Status()
    private var toldAt: Int64 = 0
    /// Whether there is somebody who wants to know.
    private var isTelling = false
    /// Whether that will be another one though nothing happens.
    private var isPassing = false
    /// Whether something has happened that the counts of connections and tokens do not show.
    private var hasNews = false
    private var isHung = false
    /// What the operator is to know of the last run, or of the last reload.
    private var remark: String?

    init(hooks: Reactor.Hooks, service: AuthService) {
        self.hooks = hooks
        remark = hooks.remark
        patience = Self.patience(service)
        nextFeed = hooks.watchdog == nil ? .max : service.clock.monotonicMilliseconds()
    }

    private static func patience(_ service: AuthService) -> Int64 {
        max(service.limits.hashTimeout, Limits.hashesPerTimeout * service.passwords.usualMilliseconds)
    }

    /// Settings were read anew.
    /// - Parameter remark: what the status is to say of it until the next time.
    mutating func adopt(_ remark: String?, service: AuthService) {
        patience = Self.patience(service)
        self.remark = remark
    }

    /// The supervisor knows that the daemon is ready.
    mutating func begin(at now: Int64) {
        isTelling = hooks.status != nil
        toldAt = now
    }

    /// A request went to the hash pool or the store, or came back; or one of these may have got better or worse.
    mutating func note() { hasNews = true }

    /// Whether the supervisor was told that something is wrong with the store.
    var isTroubled: Bool { told.store != .working }

    /// When there is something to do, in monotonic milliseconds.
    func wakeUp(connections: Int, service: AuthService) -> Int64 {
        min(nextFeed, hasChanged(connections, service) ? toldAt + Limits.statusInterval : .max)
    }

    private func hasChanged(_ connections: Int, _ service: AuthService) -> Bool {
        isTelling
            && (hasNews || isPassing || told.connections != connections || told.verified != service.verifiedCount)
    }

    /// Does what is due.
    mutating func beat(at now: Int64, connections: Int, isDraining: Bool, service: AuthService) {
        if now >= nextFeed { feed(at: now, service) }
        guard hasChanged(connections, service), now >= toldAt + Limits.statusInterval else { return }
        let status = take(at: now, connections: connections, isDraining: isDraining, service: service)
        guard status != told || status.changesWithTime else { return }
        if hooks.status?(status.text(at: now)) == true { told = status } else { hasNews = true }
    }

    /// What is to be told now, in other words than `Hooks.status`.
    mutating func line(at now: Int64, connections: Int, service: AuthService) -> String {
        told = take(at: now, connections: connections, isDraining: false, service: service)
        return told.text(at: now)
    }

    private mutating func take(at now: Int64, connections: Int, isDraining: Bool, service: AuthService) -> Status {
        let load = service.workers.load
        let status = Status(
            connections: connections, hashing: load.count, verified: service.verifiedCount, store: service.store.health,
            hungSince: hungSince(load, now), isDraining: isDraining, remark: remark)
        toldAt = now
        hasNews = false
        isPassing = status.hashing > 0 || status.changesWithTime
        return status
    }

    /// The hash pool's threads are as much of the daemon as the reactor's: it is alive only while they get on.
    private mutating func feed(at now: Int64, _ service: AuthService) {
        guard let watchdog = hooks.watchdog else { return }
        let since = hungSince(service.workers.load, now)
        if isHung != (since != nil) {
            isHung = since != nil
            hasNews = true
            service.log.record(
                isHung
                    ? Event(
                        .hanging, .critical,
                        "password hashing hangs: nothing has come of it for \(patience / 1000) s; the watchdog is not fed any more"
                    )
                    : Event(.notice, .notice, "password hashing goes on; the watchdog is fed again"))
        }
        let isFed = since == nil && watchdog.feed()
        nextFeed = now + (isFed ? watchdog.interval : min(watchdog.interval, Limits.feedRetry))
    }

    private func hungSince(_ load: WorkerLoad, _ now: Int64) -> Int64? { load.since.flatMap { now - $0 > patience ? $0 : nil } }
}

extension Reactor.Hooks {
    /// A supervisor that ends the daemon if it is not told in time that it is alive.
    public struct Watchdog: Sendable {
        /// Milliseconds between two feedings.
        let interval: Int64
        /// - Returns: whether it was fed; false if it has to be tried again soon.
        let feed: @Sendable () -> Bool

        public init(interval: Int64, feed: @escaping @Sendable () -> Bool) {
            self.interval = max(interval, 1)
            self.feed = feed
        }
    }
}
