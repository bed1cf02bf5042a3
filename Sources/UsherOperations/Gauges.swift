import UsherModel

/// What the daemon is at, at one moment: what STATUS and METRICS tell alike.
struct Gauges {
    let startedAt: NumericDate
    /// In seconds.
    let uptime: Int64
    let connections: Int
    let accepted: Int
    let turnedAway: Int
    let watching: Int
    let inFlight: Int
    let hashing: WorkerLoad
    let storeHealth: StoreHealth
    let storeQueue: Int
    let revocations: Int
    let unsettled: Int
    let throttleBuckets: Int
    let verified: Int

    init(of service: AuthService) {
        startedAt = service.started.date
        uptime = (service.clock.monotonicMilliseconds() - service.started.moment) / 1000
        connections = service.connections?.count ?? 0
        accepted = service.connections?.accepted ?? 0
        turnedAway = service.connections?.turnedAway ?? 0
        watching = service.connections?.watching ?? 0
        inFlight = service.tally.inFlight
        hashing = service.workers.load
        storeHealth = service.store.health
        storeQueue = service.store.waiting
        revocations = service.revocationCount
        unsettled = service.unsettled.count
        throttleBuckets = service.throttle.count
        verified = service.verifiedCount
    }
}
