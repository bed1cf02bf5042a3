import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting
import UsherThreads

@testable import UsherServer

/// A supervisor that keeps what it is told.
private final class Told: Sendable {
    private let state = Lock((statuses: [String](), feedings: 0, isDeaf: false))
    var statuses: [String] { state.withLock { $0.statuses } }
    var feedings: Int { state.withLock { $0.feedings } }
    func set(isDeaf: Bool) { state.withLock { $0.isDeaf = isDeaf } }

    func hooks(watchdog: Int64? = 1_000, wantsStatus: Bool = true) -> Reactor.Hooks {
        let status: @Sendable (String) -> Bool = { text in
            self.state.withLock { state in
                if !state.isDeaf { state.statuses.append(text) }
                return !state.isDeaf
            }
        }
        return Reactor.Hooks(
            ready: { _ in }, stopping: { _ in }, status: wantsStatus ? status : nil,
            watchdog: watchdog.map { interval in
                Reactor.Hooks.Watchdog(interval: interval) {
                    self.state.withLock { state in
                        if !state.isDeaf { state.feedings += 1 }
                        return !state.isDeaf
                    }
                }
            })
    }
}

struct HeartbeatTests {
    private let harness = Harness()
    private let told = Told()
    private var clock: ManualClock { harness.clock }
    private var service: AuthService { harness.service }

    /// Beats whenever it asks for it, for so long.
    private func run(_ heart: inout Heartbeat, milliseconds: Int64, connections: Int = 0, isDraining: Bool = false) -> Int {
        let end = clock.monotonicMilliseconds() + milliseconds
        var beats = 0
        while case let due = heart.wakeUp(connections: connections, service: service), due <= end {
            clock.advance(milliseconds: max(due - clock.monotonicMilliseconds(), 0))
            heart.beat(at: clock.monotonicMilliseconds(), connections: connections, isDraining: isDraining, service: service)
            beats += 1
        }
        clock.advance(milliseconds: end - clock.monotonicMilliseconds())
        return beats
    }

    private func heart(watchdog: Int64? = nil, wantsStatus: Bool = true) -> Heartbeat {
        var heart = Heartbeat(hooks: told.hooks(watchdog: watchdog, wantsStatus: wantsStatus), service: service)
        heart.begin(at: clock.monotonicMilliseconds())
        return heart
    }

    @Test func nobodyIsWokenWhereNothingChanges() {
        var heart = heart()
        #expect(heart.wakeUp(connections: 0, service: service) == .max)
        #expect(run(&heart, milliseconds: 3_600_000) == 0)
        #expect(told.statuses.isEmpty)
        // Nor where nobody wants to know.
        var alone = self.heart(wantsStatus: false)
        alone.note()
        #expect(run(&alone, milliseconds: 3_600_000, connections: 5) == 0)
    }

    @Test func aChangeIsToldOnceAndNotTooSoon() async {
        var heart = heart()
        let start = clock.monotonicMilliseconds()
        #expect(heart.wakeUp(connections: 2, service: service) == start + 5_000)
        heart.beat(at: start + 4_999, connections: 2, isDraining: false, service: service)
        #expect(told.statuses.isEmpty)
        #expect(run(&heart, milliseconds: 60_000, connections: 2) == 1)
        #expect(told.statuses == ["2 connections, 0 hashing, 0 verified"])
        let token = await harness.register().accessToken
        for _ in 0..<1_234 { _ = await harness.verify(token) }
        _ = await harness.verify("x")
        // At once, since the last is long ago.
        #expect(run(&heart, milliseconds: 0, connections: 1) == 1)
        #expect(told.statuses.last == "1 connection, 0 hashing, 1,234 verified")
        #expect(run(&heart, milliseconds: 60_000, connections: 1) == 0)
        // Something happened that left no trace.
        heart.note()
        #expect(run(&heart, milliseconds: 60_000, connections: 1) == 1)
        #expect(told.statuses.count == 2)
    }

    @Test func aStalledStoreIsToldUntilItWorks() {
        var heart = heart()
        harness.store.set(health: .stalled(since: clock.monotonicMilliseconds() - 7_000))
        heart.note()
        #expect(run(&heart, milliseconds: 11_000) == 2)
        #expect(
            told.statuses == [
                "store stalled for 12 s; 0 connections, 0 hashing, 0 verified",
                "store stalled for 17 s; 0 connections, 0 hashing, 0 verified",
            ])
        harness.store.set(health: .working)
        #expect(run(&heart, milliseconds: 60_000) == 1)
        #expect(told.statuses.last == "0 connections, 0 hashing, 0 verified")
    }

    @Test func aStoreThatFailsIsToldWithItsCause() {
        var heart = heart()
        harness.store.set(health: .unavailable(cause: "the disk is full"))
        heart.note()
        #expect(run(&heart, milliseconds: 60_000, isDraining: true) == 1)
        #expect(told.statuses == ["draining; store unavailable: the disk is full; 0 connections, 0 hashing, 0 verified"])
        #expect(heart.isTroubled)
    }

    @Test func whatCameOfAReloadIsToldUntilTheNext() {
        var heart = heart()
        heart.adopt("reload failed", service: service)
        #expect(
            heart.line(at: clock.monotonicMilliseconds(), connections: 1, service: service)
                == "reload failed; 1 connection, 0 hashing, 0 verified")
        // That was told: nothing is new.
        #expect(run(&heart, milliseconds: 60_000, connections: 1) == 0)
        #expect(run(&heart, milliseconds: 60_000, connections: 2) == 1)
        #expect(told.statuses == ["reload failed; 2 connections, 0 hashing, 0 verified"])
        heart.adopt(nil, service: service)
        #expect(
            heart.line(at: clock.monotonicMilliseconds(), connections: 2, service: service)
                == "2 connections, 0 hashing, 0 verified")
    }

    @Test func patienceIsThatOfTheNewSettings() {
        var heart = heart(watchdog: 1_000)
        harness.workers.set(load: WorkerLoad(busy: 1, waiting: 0, workers: 1, since: clock.monotonicMilliseconds()))
        var limits = Limits()
        limits.hashTimeout = 2_000
        service.adopt(Harness.settings(passwords: PasswordSettings(cost: 1), limits: limits))
        heart.adopt(nil, service: service)
        _ = run(&heart, milliseconds: 10_000)
        #expect(told.feedings < 5)
    }

    @Test func whatWasNotToldIsToldLater() {
        var heart = heart()
        told.set(isDeaf: true)
        #expect(run(&heart, milliseconds: 6_000, connections: 1) == 1)
        told.set(isDeaf: false)
        #expect(run(&heart, milliseconds: 60_000, connections: 1) == 1)
        #expect(told.statuses == ["1 connection, 0 hashing, 0 verified"])
    }

    @Test func theWatchdogIsFedAsOftenAsItNeeds() {
        var heart = heart(watchdog: 1_000)
        #expect(run(&heart, milliseconds: 10_500) == 11)
        #expect(told.feedings == 11)
        told.set(isDeaf: true)
        #expect(run(&heart, milliseconds: 1_000) == 2)
        told.set(isDeaf: false)
        #expect(run(&heart, milliseconds: 500) == 1)
        #expect(told.feedings == 12)
    }

    @Test func onlyWhileHashingMakesProgress() {
        var heart = heart(watchdog: 1_000)
        let begun = clock.monotonicMilliseconds()
        harness.workers.set(load: WorkerLoad(busy: 1, waiting: 2, workers: 1, since: begun))
        heart.note()
        _ = run(&heart, milliseconds: 30_000)
        #expect(told.feedings == 31)
        #expect(told.statuses == ["0 connections, 3 hashing, 0 verified"])
        _ = run(&heart, milliseconds: 10_000)
        #expect(told.feedings == 31)
        #expect(harness.log.events(.hanging).count == 1)
        #expect(told.statuses.last?.hasPrefix("hashing has hung for 40 s; ") == true)
        // It was only slow.
        harness.workers.set(load: WorkerLoad(busy: 1, waiting: 0, workers: 1, since: clock.monotonicMilliseconds()))
        _ = run(&heart, milliseconds: 5_000)
        #expect(told.feedings >= 35)
        #expect(told.statuses.last == "0 connections, 1 hashing, 0 verified")
        #expect(harness.log.events(.notice).count == 1)
    }

    /// A stalled disk is no hang.
    @Test func theStoreHasNoPartInIt() {
        var heart = heart(watchdog: 1_000)
        harness.store.set(health: .stalled(since: 0))
        heart.note()
        _ = run(&heart, milliseconds: 60_000)
        #expect(told.feedings == 61)
    }

    @Test func aHighCostHasItsTime() {
        #expect(PasswordSettings().usualMilliseconds == 75)
        #expect(PasswordSettings(scheme: .yescrypt, cost: 9).usualMilliseconds == 300)
        #expect(PasswordSettings(scheme: .yescrypt, cost: 1).usualMilliseconds == 1)
        #expect(PasswordSettings(scheme: .bcrypt, cost: 16).usualMilliseconds == 3_200)
        #expect(PasswordSettings(scheme: .bcrypt, cost: 31).usualMilliseconds > 0)
        let slow = Harness(passwords: PasswordSettings(scheme: .bcrypt, cost: 16))
        var heart = Heartbeat(hooks: told.hooks(watchdog: 1_000), service: slow.service)
        let now = slow.clock.monotonicMilliseconds()
        slow.workers.set(load: WorkerLoad(busy: 1, waiting: 0, workers: 1, since: now - 190_000))
        heart.beat(at: now, connections: 0, isDraining: false, service: slow.service)
        #expect(told.feedings == 1)
        slow.workers.set(load: WorkerLoad(busy: 1, waiting: 0, workers: 1, since: now - 193_000))
        heart.beat(at: now + 1_000, connections: 0, isDraining: false, service: slow.service)
        #expect(told.feedings == 1)
    }
}
