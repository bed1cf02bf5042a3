import CEpoll
import Glibc
public import UsherModel
public import UsherOperations
import UsherThreads
import UsherWire

/// The one thread that owns connections, keys and revocations. Requests that can be answered at once are; for the others a task runs here, and
/// awaits the hash pool or the store.
public actor Reactor {
    nonisolated let executor: EpollExecutor
    nonisolated public var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let epoll: Int32
    private let signals: Int32
    let service: AuthService
    private let hooks: Hooks
    private var heartbeat: Heartbeat
    var engine: Engine
    let feed: EventFeed
    private var acceptor: Acceptor

    /// Requests whose tasks are under way, those of clients that are gone included.
    private var running = 0
    /// When draining is given up, in monotonic milliseconds; nil while the daemon serves.
    private var drainDeadline: Int64?
    private var nextUpkeep: Int64
    private var isUpkeepRunning = false
    /// The last upkeep of all has begun: nothing more will come that has to get into the store.
    private var isLastUpkeep = false
    private var throttleWriter = ThrottleWriter()
    /// When a call of the store will be overdue, in monotonic milliseconds; nil while none is under way.
    private var storeDue: Int64?
    private var isReady = false
    private var isReloading = false
    /// Asked for and not begun.
    private var isReloadDue = false
    private var hasFinished = false
    private var startFailure: StartFailure?

    /// Descriptors in events that are neither a connection's nor a listener's.
    private static let wakeEvent: UInt64 = 1 << 63
    private static let signalEvent: UInt64 = 1 << 62

    /// - Parameter signals: from `Signals.block`, called before the first thread was started.
    /// - Throws: when the kernel refuses a descriptor.
    public init(
        listeners: [Listener], signals: Int32, hooks: Hooks, service: sending AuthService
    ) throws(StartFailure) {
        let epoll = usher_epoll_create()
        let wake = usher_eventfd()
        guard epoll >= 0, wake >= 0 else { throw StartFailure("epoll: \(errorText(-min(epoll, wake)))") }
        executor = EpollExecutor(wakeDescriptor: wake)
        self.epoll = epoll
        self.signals = signals
        self.hooks = hooks
        heartbeat = Heartbeat(hooks: hooks, service: service)
        _ = usher_epoll_control(epoll, EPOLL_CTL_ADD, wake, EPOLLIN.rawValue | EPOLLET.rawValue, Self.wakeEvent)
        _ = usher_epoll_control(epoll, EPOLL_CTL_ADD, signals, EPOLLIN.rawValue, Self.signalEvent)
        acceptor = Acceptor(epoll: epoll, listeners: listeners, clock: service.clock, log: service.log)
        nextUpkeep = service.clock.monotonicMilliseconds() + Limits.purgeInterval
        engine = Engine(epoll: epoll, service: service)
        feed = EventFeed(clock: service.clock)
        self.service = service
    }

    /// Serves on the calling thread until a signal asks it to stop and all is answered.
    /// - Returns: what is left of the time for that, in milliseconds.
    /// - Throws: what kept it from serving at all.
    nonisolated public func run() throws(StartFailure) -> Int64 {
        executor.adoptThread()
        // The loop is a job of the executor: jobs that it starts run as its own.
        assumeIsolated { reactor in _ = Task { reactor.loop() } }
        while !assumeIsolated({ $0.hasFinished }) { executor.run(executor.take()) }
        if let failure = assumeIsolated({ $0.startFailure }) { throw failure }
        return assumeIsolated { max(($0.drainDeadline ?? 0) - $0.service.clock.monotonicMilliseconds(), 0) }
    }

    /// For the store, from any thread, after it has come back: what it holds revoked.
    nonisolated public func refuse(_ revocations: [Revocation]) {
        Task(executorPreference: executor) { await self.take(revocations) }
    }

    private func take(_ revocations: [Revocation]) async { await service.recover(revocations) }

    private func loop() {
        let most: Int32 = 256
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Int(most))
        defer { unsafe events.deallocate() }
        Task.immediate(executorPreference: executor) { await self.start() }
        while !hasFinished {
            let before = engine.connectionCount
            let jobs = executor.take()
            executor.run(jobs)
            let isIdle = jobs.isEmpty && !engine.hasBacklog
            let count = unsafe usher_epoll_wait(epoll, events, most, isIdle ? timeout() : 0)
            executor.woke()
            for index in 0..<max(count, 0) {
                let data = unsafe usher_event_data(events, index)
                if data == Self.wakeEvent { continue }
                if data == Self.signalEvent {
                    handleSignals()
                } else if acceptor.owns(data) {
                    acceptor.accept(data) { engine.adopt($0, from: $1) }
                } else {
                    unsafe engine.event(data, usher_event_flags(events, index))
                }
            }
            engine.takeTurns()
            startDeferred()
            acceptor.resume(somethingFreed: engine.connectionCount < before)
            keepUp()
        }
    }

    /// Puts into memory what the store holds revoked and has counted, and only then accepts.
    private func start() async {
        do throws(UsherError) {
            try await service.load()
        } catch {
            startFailure = StartFailure("The store cannot be read: \(error.cause ?? error.message)")
            acceptor.close { engine.adopt($0, from: $1) }
            finish()
            return
        }
        guard drainDeadline == nil else { return }
        engine.connections.list.watchingChanged = { [unowned self] in watchJournal($0) }
        acceptor.open()
        hooks.ready(service.revocationCount)
        heartbeat.begin(at: service.clock.monotonicMilliseconds())
        isReady = true
        beginReload()
    }

    private func finish() {
        service.tellLost()
        engine.dropAll()
        hasFinished = true
    }

    private func startDeferred() {
        guard engine.hasStarted else { return }
        for (id, caller, request) in engine.takeStarted() {
            running += 1
            heartbeat.note()
            Task.immediate(executorPreference: executor) { await self.perform(id, caller, request) }
        }
    }

    private func perform(_ id: ConnectionID, _ caller: Caller, _ request: PendingRequest) async {
        let reply = await request.answer(from: caller, service: service)
        running -= 1
        heartbeat.note()
        if service.hasUnsettled, !isUpkeepRunning {
            nextUpkeep = min(nextUpkeep, service.clock.monotonicMilliseconds() + Limits.endRetry)
        }
        engine.complete(id, reply, wasOrdered: request.isOrdered)
    }

    // MARK: Time

    /// Milliseconds until something is due, for epoll.
    private func timeout() -> Int32 {
        let due = [
            nextUpkeep, acceptor.wakeUp() ?? .max, drainDeadline ?? .max, storeDue ?? .max, throttleWriter.due ?? .max,
            heartbeat.wakeUp(connections: engine.connectionCount, service: service),
        ].reduce(Int64.max, min)
        return Int32(clamping: max(due - service.clock.monotonicMilliseconds(), 0))
    }

    private func keepUp() {
        let now = service.clock.monotonicMilliseconds()
        let isAnswered = drainDeadline != nil && engine.connectionCount == 0 && running == 0
        if throttleWriter.begin(hasChanges: service.hasThrottleChanges, isLast: isAnswered, at: now) {
            Task.immediate(executorPreference: executor) { await self.writeThrottle() }
        }
        if let drainDeadline {
            let isSettled = !service.hasUnsettled || isLastUpkeep && !isUpkeepRunning
            if now >= drainDeadline || isAnswered && isSettled && throttleWriter.isDone { return finish() }
            if isAnswered, !isSettled, !isUpkeepRunning {
                isLastUpkeep = true
                nextUpkeep = now
            }
        }
        if now >= nextUpkeep, !isUpkeepRunning {
            isUpkeepRunning = true
            nextUpkeep = .max
            Task.immediate(executorPreference: executor) { await self.upkeep() }
        }
        if service.hasAbandonedWork {
            running += 1
            Task.immediate(executorPreference: executor) { await self.endAbandonedWork() }
        }
        // Nobody else waits for the store.
        storeDue = running > 0 || isUpkeepRunning || throttleWriter.isWriting ? service.store.giveUpOverdue() : nil
        heartbeat.beat(
            at: now, connections: engine.connectionCount, isDraining: drainDeadline != nil, service: service)
    }

    /// Purges what has expired, and gets into the store what holds in memory alone.
    private func upkeep() async {
        await service.settle()
        do throws(UsherError) {
            if drainDeadline == nil { try await service.purge() }
        } catch {
            // The store says in the journal that it fails; the next time comes.
        }
        // Otherwise nothing has changed that anybody would want to know.
        if service.store.health != .working || heartbeat.isTroubled { heartbeat.note() }
        nextUpkeep =
            service.clock.monotonicMilliseconds() + (service.hasUnsettled ? Limits.endRetry : Limits.purgeInterval)
        isUpkeepRunning = false
    }

    private func writeThrottle() async {
        let isWritten = await service.writeThrottle()
        throttleWriter.end(isWritten: isWritten, at: service.clock.monotonicMilliseconds())
    }

    private func endAbandonedWork() async {
        await service.endAbandonedWork()
        running -= 1
    }

    // MARK: Stopping

    private func handleSignals() {
        while case let signal = usher_signal_next(signals), signal != 0 {
            switch signal {
            case SIGTERM, SIGINT: drain()
            default:
                isReloadDue = true
                beginReload()
            }
        }
    }

    // MARK: Reloading

    /// Begins the reload that is due, unless it must wait: for the daemon to be ready, or for the one before. Of several that wait one is
    /// enough: it reads what they would have read.
    private func beginReload() {
        guard let reload = hooks.reload, isReloadDue, isReady, !isReloading, drainDeadline == nil else { return }
        isReloading = true
        reload.begin()
        read(reload)
    }

    private func read(_ reload: Reload) {
        isReloadDue = false
        _ = Thread(name: "usher-reload") { [self] in endReading(reload.read()) }
    }

    nonisolated private func endReading(_ outcome: sending Reload.Outcome) {
        // It is `sending`, and the task runs once: that is what the compiler does not know.
        nonisolated(unsafe) let outcome = outcome
        Task(executorPreference: executor) { unsafe await self.take(outcome) }
    }

    private func take(_ outcome: Reload.Outcome) {
        // systemd has been told that the daemon stops: it must not hear that it is ready.
        guard let reload = hooks.reload, drainDeadline == nil else { return }
        if let settings = outcome.settings {
            service.adopt(settings.service)
            engine.adoptSettings()
            settings.adoptElsewhere()
        }
        heartbeat.adopt(outcome.remark, service: service)
        service.log.record(outcome.event)
        // Whoever asked last waits for what the files hold since then.
        if isReloadDue { return read(reload) }
        isReloading = false
        reload.end(
            heartbeat.line(at: service.clock.monotonicMilliseconds(), connections: engine.connectionCount, service: service))
    }

    /// Accepts no more, answers what has reached the sockets, closes each connection, and ends the loop, within `limits.drain`.
    private func drain() {
        guard drainDeadline == nil else {
            // Asked twice: whoever asks does not want to wait.
            drainDeadline = service.clock.monotonicMilliseconds()
            return
        }
        drainDeadline = service.clock.monotonicMilliseconds() + service.limits.drain
        acceptor.close { engine.adopt($0, from: $1) }
        // Not only when all is answered: there may be no time left then.
        if service.hasUnsettled { nextUpkeep = service.clock.monotonicMilliseconds() }
        hooks.stopping(engine.connectionCount)
        engine.drain()
    }
}
