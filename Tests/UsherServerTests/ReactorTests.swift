import CEpoll
import Glibc
import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting
import UsherThreads

@testable import UsherServer

/// A reactor on a thread and a socket of its own.
final class ReactorRig {
    let folder = TemporaryFolder()
    let store: ScriptedStore
    let gate = GateHasher()
    let log = RecordingLog(threshold: .info)
    let reactor: Reactor
    private let signals: (client: Client, served: Int32)
    private let state = Mailbox(State())
    private let worker: Thread

    struct State: Sendable {
        var thread: UInt = 0
        var isReady = false
        var isStopping = false
        var hasEnded = false
        var failure: StartFailure?
    }

    var path: String { folder.path + "/socket" }

    init(
        _ limits: Limits = Limits(), clock: ManualClock = ManualClock(), inner: InMemoryStore? = nil,
        reload: Reload? = nil, prepare: (ScriptedStore) -> Void = { _ in }
    ) throws {
        let store = ScriptedStore(inner ?? InMemoryStore(clock: clock))
        prepare(store)
        self.store = store
        signals = Client.pair()
        let pool = HashPool(workers: 1, queue: limits.hashQueue, hasher: gate, clock: clock)
        let state = state
        reactor = try Reactor(
            listeners: [try Listener(path: folder.path + "/socket", name: "app")], signals: signals.served,
            hooks: Reactor.Hooks(
                ready: { _ in state.changeForAll { $0.isReady = true } },
                stopping: { _ in state.changeForAll { $0.isStopping = true } }, reload: reload),
            service: Harness.service(limits: limits, store: store, workers: pool, clock: clock, log: log))
        let reactor = reactor
        worker = Thread(name: "reactor") {
            state.changeForAll { $0.thread = UInt(pthread_self()) }
            do throws(StartFailure) {
                _ = try reactor.run()
            } catch {
                state.changeForAll { $0.failure = error }
            }
            state.changeForAll { $0.hasEnded = true }
        }
    }

    deinit {
        gate.open()
        stop()
        stop()
        worker.join()
        close(signals.served)
    }

    var thread: UInt { state.withLock { $0.thread } }
    var failure: StartFailure? { state.withLock { $0.failure } }
    var isReady: Bool { state.withLock { $0.isReady } }

    func connect() -> Client {
        _ = state.wait(atMost: 10_000) { $0.isReady ? true : nil }
        return Client.connect(to: path)!
    }

    func stop() { signal(SIGTERM) }

    /// As signalfd(2) tells it.
    func signal(_ number: Int32) {
        var information = [UInt8](repeating: 0, count: 128)
        information[0] = UInt8(number)
        signals.client.send(information)
    }

    func waitForStopping() -> Bool { state.wait(atMost: 10_000) { $0.isStopping ? true : nil } ?? false }
    @discardableResult
    func waitForEnd() -> Bool { state.wait(atMost: 10_000) { $0.hasEnded ? true : nil } ?? false }
}

struct ReactorTests {
    @Test func slowOperationsRunOnTheReactorsThread() throws {
        let rig = try ReactorRig()
        rig.gate.open()
        let threads = Lock<[UInt]>([])
        for call in [ScriptedStore.Call.takenField, .create, .lookUp, .open, .update] {
            rig.store.before(call) { () throws(UsherError) in threads.withLock { $0.append(UInt(pthread_self())) } }
        }
        let client = rig.connect()
        client.send(#"{"op":"REGISTER","username":"ada","email":"a@x","password":"correct horse"}"# + "\n")
        let registered = Reply(Array((client.lines(1)[0] + "\n").utf8))
        #expect(registered.isOK)
        client.send(#"{"op":"LOGIN","login":"ada","password":"correct horse"}"# + "\n")
        #expect(client.lines(1).map(\.result) == ["ok"])
        client.send(json(["op": "REFRESH", "refresh_token": registered.refreshToken]) + "\n")
        #expect(client.lines(1).map(\.result) == ["ok"])
        let seen = threads.withLock { $0 }
        #expect(seen.count == 5)
        #expect(Set(seen) == [rig.thread])
        #expect(!rig.gate.threads.contains(rig.thread))
    }

    @Test func aThousandPipelinedRequests() throws {
        let rig = try ReactorRig()
        rig.gate.open()
        let client = rig.connect()
        // Fifty of them slow, all without id: the replies are in the order of the requests.
        let writer = Thread(name: "writer") { [descriptor = client.descriptor] in
            let text = Array((0..<1000).map { $0 % 20 == 0 ? slow() : ping() }.joined().utf8)
            var sent = 0
            while sent < text.count {
                let count = unsafe text.withUnsafeBytes { bytes in
                    unsafe send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
        }
        let lines = client.lines(1000)
        writer.join()
        #expect(lines.map(\.result) == (0..<1000).map { $0 % 20 == 0 ? "invalid_credentials" : "ok" })
    }

    /// Each is answered without anything being awaited: the chain must not be one of calls, or the stack ends it.
    @Test func requestsThatAreDoneAtOnceDoNotPileUp() throws {
        var limits = Limits()
        limits.inFlight = 65_536
        limits.line = 16_777_216
        let rig = try ReactorRig(limits)
        let (client, other) = (rig.connect(), rig.connect())
        let line = "{\"op\":\"REVOKE\",\"token\":\"\"}\n"
        client.send(slow() + String(repeating: line, count: 40_000) + ping(1))
        // All of them wait by now.
        #expect(client.lines(1).map(\.id) == [1])
        rig.gate.open()
        other.send("PING\n")
        #expect(other.lines(1).count == 1)
        #expect(client.lines(40_001).count == 40_001)
        let withID = "{\"op\":\"REVOKE\",\"token\":\"\",\"id\":1}\n"
        for _ in 0..<8 {
            client.send(String(repeating: withID, count: 2500))
            #expect(client.lines(2500).count == 2500)
        }
    }

    @Test func hashingHoldsUpNobodyElse() throws {
        let rig = try ReactorRig()
        let (slowOne, other) = (rig.connect(), rig.connect())
        slowOne.send(slow() + "PING\n" + ping(1))
        rig.gate.wait(for: 1)
        // It overtakes on its own connection, too.
        #expect(slowOne.lines(1).map(\.id) == [1])
        other.send(String(repeating: "PING\n", count: 100))
        #expect(other.lines(100).count == 100)
        rig.gate.open()
        #expect(slowOne.lines(2).map(\.result) == ["invalid_credentials", "ok"])
    }

    @Test func aFullQueueIsBusyAndNoWrongPassword() throws {
        var limits = Limits()
        limits.hashQueue = 2
        let rig = try ReactorRig(limits)
        let client = rig.connect()
        client.send(slow(0))
        rig.gate.wait(for: 1)
        client.send((1...10).map { slow($0) }.joined())
        let refused = client.lines(8)
        #expect(refused.map(\.result) == Array(repeating: "busy", count: 8))
        #expect(refused.compactMap(\.id) == Array(3...10))
        rig.gate.open()
        #expect(client.lines(3).map(\.result) == Array(repeating: "invalid_credentials", count: 3))
    }

    @Test func aClientThatGoesAwayIsNotHashedFor() throws {
        let rig = try ReactorRig()
        let (one, two) = (rig.connect(), rig.connect())
        one.send(slow(0))
        rig.gate.wait(for: 1)
        two.send(slow(1) + slow(2) + ping(3))
        #expect(two.lines(1).map(\.id) == [3])
        two.close()
        // The reactor has seen it go once it has answered who came after.
        let three = rig.connect()
        three.send("PING\n")
        #expect(three.lines(1).count == 1)
        rig.gate.open()
        #expect(one.lines(1).map(\.result) == ["invalid_credentials"])
        one.send(slow(4))
        #expect(one.lines(1).map(\.id) == [4])
        #expect(rig.gate.entered == 2)
    }

    @Test func drainingAnswersAllAndCloses() throws {
        let rig = try ReactorRig()
        let (idle, slowOne, busyOne) = (rig.connect(), rig.connect(), rig.connect())
        slowOne.send(slow() + "PING\n")
        rig.gate.wait(for: 1)
        busyOne.send(String(repeating: "PING\n", count: 1000))
        rig.stop()
        #expect(rig.waitForStopping())
        #expect(busyOne.lines(1000).count == 1000)
        #expect(busyOne.waitForEnd())
        #expect(idle.waitForEnd())
        #expect(Client.connect(to: rig.path) == nil)
        #expect(slowOne.send("PING\n") == -1)
        rig.gate.open()
        #expect(slowOne.lines(2).map(\.result) == ["invalid_credentials", "ok"])
        #expect(slowOne.waitForEnd())
        #expect(rig.waitForEnd())
        #expect(rig.failure == nil)
        #expect(!exists(rig.path))
    }

    @Test func beingAskedTwiceIsNotWaiting() throws {
        let rig = try ReactorRig()
        let client = rig.connect()
        client.send(slow())
        rig.gate.wait(for: 1)
        rig.stop()
        #expect(rig.waitForStopping())
        rig.stop()
        #expect(client.waitForEnd())
        #expect(rig.waitForEnd())
    }

    @Test func aDrainEndsInTime() throws {
        let clock = ManualClock()
        var limits = Limits()
        limits.drain = 0
        let rig = try ReactorRig(limits, clock: clock)
        let client = rig.connect()
        client.send(slow())
        rig.gate.wait(for: 1)
        rig.stop()
        #expect(client.waitForEnd())
        #expect(rig.waitForEnd())
    }

    /// A reactor that has refused a token in memory alone, since its store failed.
    private func unsettled(_ inner: InMemoryStore, _ clock: ManualClock, _ limits: Limits = Limits()) throws -> ReactorRig {
        let rig = try ReactorRig(limits, clock: clock, inner: inner) {
            $0.fail([.revoke], with: .storeUnavailable(cause: "gone"))
        }
        let client = rig.connect()
        let token = Secrets.access.token([
            "iss": "usher", "aud": "usher", "sub": "s", "iat": clock.now(), "exp": clock.now() + 600, "jti": "lost?", "sid": "s",
        ])
        client.send(json(["op": "REVOKE", "token": token]) + "\n")
        #expect(client.lines(1).map(\.result) == ["store_unavailable"])
        return rig
    }

    @Test func whatHoldsInMemoryAloneIsWrittenBeforeTheEnd() async throws {
        let clock = ManualClock()
        let inner = InMemoryStore(clock: clock)
        let rig = try unsettled(inner, clock)
        rig.store.fail([.revoke], with: nil)
        rig.stop()
        #expect(rig.waitForEnd())
        #expect(try await inner.revocations(since: 0).map(\.id) == ["lost?"])
        #expect(rig.log.events(.revocationsLost).isEmpty)
    }

    /// Not only once: what fails is tried again when the last request has been answered.
    @Test func itIsTriedAgainWhenAllIsAnswered() async throws {
        let clock = ManualClock()
        let inner = InMemoryStore(clock: clock)
        let rig = try unsettled(inner, clock)
        let tries = Mailbox(0)
        rig.store.before(.revoke) { () throws(UsherError) in
            tries.changeForAll { $0 += 1 }
            if tries.withLock({ $0 }) == 1 { throw .storeUnavailable(cause: "gone") }
        }
        let client = rig.connect()
        client.send(slow())
        rig.gate.wait(for: 1)
        rig.stop()
        #expect(tries.wait(atMost: 10_000) { $0 == 1 ? true : nil } == true)
        rig.gate.open()
        #expect(client.lines(1).map(\.result) == ["invalid_credentials"])
        #expect(rig.waitForEnd())
        #expect(tries.withLock { $0 } == 2)
        #expect(try await inner.revocations(since: 0).map(\.id) == ["lost?"])
    }

    @Test(arguments: [0, 10_000] as [Int64]) func whatIsLostIsTold(_ drain: Int64) throws {
        let clock = ManualClock()
        var limits = Limits()
        limits.drain = drain
        let rig = try unsettled(InMemoryStore(clock: clock), clock, limits)
        rig.stop()
        #expect(rig.waitForEnd())
        let told = rig.log.events(.revocationsLost)
        #expect(told.count == 1 && told.first?.priority == .critical)
        #expect(told.first?.message.contains("token lost?") == true)
    }

    /// Before the first connection is accepted, what is revoked is known.
    @Test func revocationsAreInForceFromTheFirstRequestOn() async throws {
        let clock = ManualClock()
        let now = clock.now()
        let token = Secrets.access.token([
            "iss": "usher", "aud": "usher", "sub": "s", "iat": now, "exp": now + 600, "jti": "dead", "sid": "s",
        ])
        let inner = InMemoryStore(clock: clock)
        #expect(try await inner.revoke(Revocation(kind: .token, id: "dead", until: now + 600)) == .added)
        let rig = try ReactorRig(clock: clock, inner: inner)
        let client = rig.connect()
        client.send(json(["op": "VERIFY", "token": token]) + "\n")
        #expect(client.lines(1).map(\.result) == ["token_revoked"])
        // And those that the store tells of later.
        let later = Secrets.access.token([
            "iss": "usher", "aud": "usher", "sub": "s", "iat": now, "exp": now + 600, "jti": "later", "sid": "s",
        ])
        client.send(json(["op": "VERIFY", "token": later]) + "\n")
        #expect(client.lines(1).map(\.result) == ["ok"])
        rig.reactor.refuse([Revocation(kind: .token, id: "later", until: now + 600)])
        var result = "ok"
        while result == "ok" {
            client.send(json(["op": "VERIFY", "token": later]) + "\n")
            result = client.lines(1).first?.result ?? "closed"
        }
        #expect(result == "token_revoked")
    }

    @Test(arguments: [ScriptedStore.Call.revocations, .throttles])
    func aStoreThatCannotBeReadKeepsItFromServing(_ call: ScriptedStore.Call) throws {
        let rig = try ReactorRig { $0.fail([call], with: .storeUnavailable(cause: "the file is gone")) }
        #expect(rig.waitForEnd())
        #expect(rig.failure?.description.contains("the file is gone") == true)
        #expect(!rig.isReady)
        #expect(!exists(rig.path))
    }

    /// Nothing else happens meanwhile: the reactor wakes up by itself when a call of the store is overdue, and again and again.
    @Test func itWatchesOverTheStore() throws {
        let clock = ManualClock()
        let asked = Mailbox(0)
        let rig = try ReactorRig(clock: clock) { store in
            store.whenGivingUp {
                asked.changeForAll { $0 += 1 }
                return clock.monotonicMilliseconds() + 5
            }
        }
        let client = rig.connect()
        client.send("PING\n")
        #expect(client.lines(1).count == 1)
        // No call is under way: nobody has asked.
        #expect(asked.withLock { $0 } == 0)
        client.send(slow())
        rig.gate.wait(for: 1)
        #expect(asked.wait(atMost: 10_000) { $0 >= 5 ? true : nil } == true)
        rig.gate.open()
        #expect(client.lines(1).map(\.result) == ["invalid_credentials"])
    }

    @Test func manyClientsAtOnce() throws {
        let rig = try ReactorRig()
        rig.gate.open()
        let clients = (0..<50).map { _ in rig.connect() }
        for (index, client) in clients.enumerated() { client.send(ping(index) + slow(1000 + index) + ping()) }
        for (index, client) in clients.enumerated() {
            #expect(Set(client.lines(3).map(\.id)) == [Int64(index), Int64(1000 + index), nil])
        }
    }

    /// Before the daemon ends in good order, what was counted is in the store; and the next one has it before the first request.
    @Test func whatWasCountedOutlivesIt() async throws {
        let clock = ManualClock()
        let rig = try ReactorRig(clock: clock)
        rig.gate.open()
        let client = rig.connect()
        let login = #"{"op":"LOGIN","login":"ada","password":"x","client":{"ip":"192.0.2.1"}}"# + "\n"
        client.send(String(repeating: login, count: 5))
        #expect(client.lines(5).map(\.result) == Array(repeating: "invalid_credentials", count: 5))
        rig.stop()
        #expect(rig.waitForEnd())
        #expect(try await rig.store.inner.throttles().map(\.count) == [5, 5, 5])
        let next = try ReactorRig(clock: clock, inner: rig.store.inner)
        let again = next.connect()
        again.send(login)
        #expect(again.lines(1).map(\.result) == ["rate_limited"])
        #expect(next.gate.entered == 0)
    }

    @Test func whatWasCountedIsWrittenSoon() async throws {
        let clock = ManualClock()
        let kept = Mailbox(0)
        let rig = try ReactorRig(clock: clock) { store in
            store.after(.keep) { () throws(UsherError) in kept.changeForAll { $0 += 1 } }
        }
        rig.gate.open()
        let client = rig.connect()
        client.send(slow())
        #expect(client.lines(1).count == 1)
        // When this is answered, the loop has taken note of what the LOGIN changed.
        client.send("PING\n")
        #expect(client.lines(1).count == 1)
        clock.advance(milliseconds: Limits.throttleDelay)
        client.send("PING\n")
        #expect(kept.wait(atMost: 10_000) { $0 > 0 ? true : nil } == true)
        #expect(try await rig.store.inner.throttles().map(\.count) == [1])
    }

    @Test func aStoreThatFailsKeepsItFromEndingNoLonger() throws {
        let rig = try ReactorRig { $0.fail([.keep], with: .storeUnavailable(cause: "full")) }
        rig.gate.open()
        let client = rig.connect()
        client.send(slow())
        #expect(client.lines(1).map(\.result) == ["invalid_credentials"])
        rig.stop()
        #expect(rig.waitForEnd())
        #expect(rig.failure == nil)
        #expect(rig.store.made.filter { $0 == .keep }.count == 1)
    }
}
