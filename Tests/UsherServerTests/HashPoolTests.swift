import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting
import UsherThreads

@testable import UsherServer

struct HashPoolTests {
    private let clock = ManualClock()
    private let gate = GateHasher()
    private let done = Lock<[String]>([])

    private func caller(_ uid: UInt32) -> Caller { Caller(peer: Peer(uid: uid, gid: 1, pid: 1)) }

    /// Queues a job; when this returns, it is queued, or refused.
    private func queue(_ name: String, _ caller: Caller, on pool: HashPool) async -> Task<UsherError?, Never> {
        Task.immediate { [done] () -> UsherError? in
            do throws(UsherError) {
                try await pool.run(for: caller) { hasher throws(UsherError) in
                    _ = try hasher.verify(SecretBytes(copying: [1].span), against: hasher.decoy(like: nil))
                    done.withLock { $0.append(name) }
                }
                return nil
            } catch {
                return error
            }
        }
    }

    /// A pool of one worker that is busy until the gate lets its job pass.
    private func pool(queue capacity: Int) async -> (HashPool, Task<UsherError?, Never>) {
        let pool = HashPool(workers: 1, queue: capacity, hasher: gate, clock: clock)
        let first = await queue("first", caller(0), on: pool)
        gate.wait(for: 1)
        return (pool, first)
    }

    @Test func peersTakeTurns() async {
        let (pool, first) = await pool(queue: 10)
        var tasks = [first]
        for (name, uid) in [("a1", 1), ("a2", 1), ("a3", 1), ("b1", 2), ("c1", 3), ("b2", 2)] as [(String, UInt32)] {
            tasks.append(await queue(name, caller(uid), on: pool))
        }
        #expect(pool.waiting == 6)
        gate.open()
        for task in tasks { #expect(await task.value == nil) }
        #expect(done.withLock { $0 } == ["first", "a1", "b1", "c1", "a2", "b2", "a3"])
        #expect(pool.waiting == 0)
    }

    /// What a job holds, a password for instance, is gone when its outcome is there: the worker may be held up for long behind it.
    @Test func aWorkerKeepsNothingOfItsJob() async throws {
        final class Password: Sendable {}
        let pool = HashPool(workers: 1, queue: 10, hasher: FastHasher(), clock: clock)
        func kept() async throws -> () -> Password? {
            let password = Password()
            try await pool.run(for: caller(1)) { _ in withExtendedLifetime(password) {} }
            return { [weak password] in password }
        }
        for _ in 0..<2_000 { #expect(try await kept()() == nil) }
    }

    @Test func otherSettingsHoldForWhatComesThen() async throws {
        let (pool, first) = await pool(queue: 1)
        let waiting = await queue("a1", caller(1), on: pool)
        #expect(await queue("a2", caller(1), on: pool).value?.code == .busy)
        let other = FastHasher(cost: 3)
        pool.adopt(queue: 2, hasher: other)
        let hashed = Task.immediate {
            try await pool.run(for: caller(1)) { hasher throws(UsherError) in try hasher.hash(SecretBytes(copying: [1].span)) }
        }
        #expect(pool.waiting == 2)
        #expect(await queue("a3", caller(1), on: pool).value?.code == .busy)
        gate.open()
        _ = await (first.value, waiting.value)
        #expect(try await !other.isOutdated(hashed.value, for: SecretBytes(copying: [1].span)))
    }

    @Test func aFullQueueIsBusyAtOnce() async {
        let (pool, first) = await pool(queue: 2)
        let (one, two) = (await queue("a1", caller(1), on: pool), await queue("a2", caller(1), on: pool))
        // The worker is still at its first job: this one does not wait for it.
        let three = await queue("a3", caller(1), on: pool)
        #expect(await three.value?.code == .busy)
        #expect(pool.waiting == 2)
        gate.open()
        for task in [first, one, two] { #expect(await task.value == nil) }
        #expect(done.withLock { $0 } == ["first", "a1", "a2"])
    }

    @Test func whoHasTheMostGivesWay() async {
        let (pool, first) = await pool(queue: 3)
        let (one, two) = (await queue("a1", caller(1), on: pool), await queue("a2", caller(1), on: pool))
        let three = await queue("a3", caller(1), on: pool)
        let other = await queue("b1", caller(2), on: pool)
        // The newest of the one with the most.
        #expect(await three.value?.code == .busy)
        // Two to one: nobody has more than his share.
        let another = await queue("b2", caller(2), on: pool)
        #expect(await another.value?.code == .busy)
        let third = await queue("c1", caller(3), on: pool)
        #expect(await two.value?.code == .busy)
        let fourth = await queue("d1", caller(4), on: pool)
        #expect(await fourth.value?.code == .busy)
        gate.open()
        for task in [first, one, other, third] { #expect(await task.value == nil) }
        #expect(done.withLock { $0 } == ["first", "a1", "b1", "c1"])
    }

    @Test func whoIsGoneIsNotWorkedFor() async {
        let (pool, first) = await pool(queue: 10)
        let leaving = caller(1)
        let (one, two) = (await queue("a1", leaving, on: pool), await queue("b1", caller(2), on: pool))
        leaving.leave()
        gate.open()
        #expect(await one.value?.code == .busy)
        #expect(await first.value == nil)
        #expect(await two.value == nil)
        #expect(done.withLock { $0 } == ["first", "b1"])
        #expect(gate.entered == 2)
    }

    /// Jobs of clients that hang up must not keep others out.
    @Test func whoIsGoneTakesNoPlaces() async {
        let (pool, first) = await pool(queue: 2)
        let leaving = caller(1)
        let (one, two) = (await queue("a1", leaving, on: pool), await queue("a2", leaving, on: pool))
        leaving.leave()
        let (three, four) = (await queue("b1", caller(2), on: pool), await queue("b2", caller(2), on: pool))
        #expect(await one.value?.code == .busy)
        #expect(await two.value?.code == .busy)
        gate.open()
        for task in [first, three, four] { #expect(await task.value == nil) }
        #expect(done.withLock { $0 } == ["first", "b1", "b2"])
    }

    @Test func tenSecondsAreEnough() async {
        let (pool, first) = await pool(queue: 10)
        let early = await queue("early", caller(1), on: pool)
        clock.advance(milliseconds: 1)
        let late = await queue("late", caller(2), on: pool)
        clock.advance(milliseconds: 10_000)
        gate.open()
        #expect(await early.value?.code == .busy)
        #expect(await late.value == nil)
        // Work that has begun is finished, however long it takes.
        #expect(await first.value == nil)
        #expect(done.withLock { $0 } == ["first", "late"])
    }

    @Test func whatItIsAt() async {
        let (pool, first) = await pool(queue: 10)
        let begun = clock.monotonicMilliseconds()
        #expect(pool.load == WorkerLoad(busy: 1, waiting: 0, workers: 1, since: begun))
        clock.advance(milliseconds: 10)
        let second = await queue("second", caller(1), on: pool)
        #expect(pool.load == WorkerLoad(busy: 1, waiting: 1, workers: 1, since: begun))
        clock.advance(milliseconds: 10)
        gate.letPass()
        #expect(await first.value == nil)
        gate.wait(for: 2)
        #expect(pool.load == WorkerLoad(busy: 1, waiting: 0, workers: 1, since: begun + 20))
        gate.open()
        #expect(await second.value == nil)
        while pool.load != WorkerLoad(busy: 0, waiting: 0, workers: 1, since: nil), !Task.isCancelled { await Task.yield() }
    }

    /// Workers that do not even take up what waits are as stuck as those that come to no end.
    @Test func workThatNobodyTakesUpIsOwed() async {
        let pool = HashPool(workers: 0, queue: 2, hasher: gate, clock: clock)
        let begun = clock.monotonicMilliseconds()
        let leaving = caller(1)
        let one = await queue("a1", leaving, on: pool)
        clock.advance(milliseconds: 10)
        let two = await queue("a2", leaving, on: pool)
        #expect(pool.load == WorkerLoad(busy: 0, waiting: 2, workers: 0, since: begun))
        leaving.leave()
        clock.advance(milliseconds: 10)
        // Those give way: it has waited since now.
        _ = await queue("b1", caller(2), on: pool)
        #expect(await one.value?.code == .busy)
        #expect(await two.value?.code == .busy)
        #expect(pool.load == WorkerLoad(busy: 0, waiting: 1, workers: 0, since: begun + 20))
    }

    @Test func whatWorkThrowsIsThrown() async {
        gate.open()
        let pool = HashPool(workers: 2, queue: 10, hasher: gate, clock: clock)
        let error = await #expect(throws: UsherError.self) {
            try await pool.run(for: caller(1)) { hasher throws(UsherError) in
                throw UsherError(.internal, cause: "broken")
            }
        }
        #expect(error?.cause == "broken")
        #expect(try! await pool.run(for: caller(1)) { _ throws(UsherError) in 42 } == 42)
    }
}
