import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSQLite

/// A disk that does not answer: callers are told, nothing that was not begun is carried out, and what is committed late is known.
@Suite(.timeLimit(.minutes(1))) struct StallTests {
    let samples = Samples()
    let disk = PowerCut()
    let log = RecordingLog()
    let told = Mailbox<[Revocation]>([])
    var clock: ManualClock { samples.clock }

    private func token(_ id: some CustomStringConvertible) -> Revocation {
        Revocation(kind: .token, id: "\(id)", until: 1_000)
    }

    private func store(timeout: Int64 = 5_000) throws -> SQLiteStore {
        try SQLiteStore(at: "usher.db", clock: clock, timeout: timeout, vfs: disk.name, log: log) { [told] revocations in
            told.changeForAll { $0 += revocations }
        }
    }

    private func isGivenUp<Answer: Sendable>(_ task: Task<Answer, any Error>) async -> Bool {
        guard case .failure(let error) = await task.result else { return false }
        return (error as? UsherError)?.code == .storeUnavailable
    }

    private func untilWorking(_ store: SQLiteStore) async {
        while store.health != .working, !Task.isCancelled { await Task.yield() }
    }

    @Test func whatIsCommittedLateIsKnown() async throws {
        let store = try store()
        #expect(store.giveUpOverdue() == nil)
        disk.stall(true)
        let revoke = Task { try await store.revoke(token("late")) }
        await disk.untilHeld()
        let begun = clock.monotonicMilliseconds()
        clock.advance(milliseconds: 4_999)
        #expect(store.giveUpOverdue() == begun + 5_000)
        #expect(store.health == .working)
        clock.advance(milliseconds: 1)
        #expect(store.giveUpOverdue() == nil)
        #expect(await isGivenUp(revoke))
        #expect(store.health == .stalled(since: begun))
        clock.advance(milliseconds: 7_000)
        #expect(log.events.map(\.kind) == [.failure])
        #expect(told.withLock { $0 } == [])
        disk.stall(false)
        #expect(told.wait(atMost: 10_000) { $0.isEmpty ? nil : $0 } == [token("late")])
        await untilWorking(store)
        #expect(log.wait(for: .storeRecovered)?.message.contains("12 s") == true)
        // Another stall is told anew.
        #expect(try await store.revocations(since: 0) == [token("late")])
        #expect(log.events.count == 2)
        store.close()
    }

    @Test func timeoutsMayChangeMeanwhile() async throws {
        let store = try store()
        disk.stall(true)
        let revoke = Task { try await store.revoke(token("late")) }
        await disk.untilHeld()
        let begun = clock.monotonicMilliseconds()
        store.adopt(queue: 0, graceMilliseconds: 30_000, timeoutMilliseconds: 1_000)
        #expect(store.giveUpOverdue() == begun + 1_000)
        await #expect(throws: UsherError.busy) { try await store.revoke(token("next")) }
        clock.advance(milliseconds: 1_000)
        _ = store.giveUpOverdue()
        #expect(await isGivenUp(revoke))
        disk.stall(false)
        store.close()
    }

    @Test func whoClosesNeedNotWaitForEver() async throws {
        let store = try store()
        disk.stall(true)
        let revoke = Task { try await store.revoke(token("late")) }
        await disk.untilHeld()
        #expect(!store.close(timeoutMilliseconds: 0))
        // Nor does whoever closes after that.
        #expect(store.close())
        disk.stall(false)
        _ = await revoke.result
        let other = try SQLiteStore(at: "other.db", clock: clock, vfs: disk.name, log: log)
        #expect(other.close(timeoutMilliseconds: 10_000))
    }

    @Test func whatWasNotBegunIsNotDone() async throws {
        let store = try store()
        let gate = Gate()
        let held = await store.hold(until: gate)
        let queued = (0..<3).map { index in Task { try await store.revoke(token(index)) } }
        await store.untilWaiting(3)
        clock.advance(milliseconds: 5_000)
        #expect(store.giveUpOverdue() == nil)
        for task in queued { #expect(await isGivenUp(task)) }
        #expect(store.waiting == 0)
        gate.open()
        #expect(await isGivenUp(held))
        await untilWorking(store)
        #expect(try await store.revocations(since: 0) == [])
        #expect(told.withLock { $0 } == [], "nothing was committed late")
        store.close()
    }

    @Test func eachCallHasItsOwnTime() async throws {
        let store = try store()
        let gate = Gate()
        let held = await store.hold(until: gate)
        clock.advance(milliseconds: 3_000)
        let early = Task { try await store.revoke(token("early")) }
        await store.untilWaiting(1)
        clock.advance(milliseconds: 1_000)
        let later = Task { try await store.revoke(token("later")) }
        await store.untilWaiting(2)
        clock.advance(milliseconds: 4_000)
        #expect(store.giveUpOverdue() == clock.monotonicMilliseconds() + 1_000)
        #expect(await isGivenUp(held))
        #expect(await isGivenUp(early))
        gate.open()
        #expect(try await later.value == .added)
        #expect(try await store.revocations(since: 0) == [token("later")])
        store.close()
    }

    /// It stalls in the middle of the call: the rest would be done for nobody.
    @Test func whatWasBegunAndNotDoneIsUndone() async throws {
        let store = try store()
        let account = try samples.account("ada")
        let session = samples.session(of: account.user.id)
        try await store.create(account, session: session)
        let (gate, entered) = (Gate(), Gate())
        let now = clock.now()
        let end = Task {
            try await store.update(session.id) { _, _ throws(UsherError) in
                entered.open()
                gate.wait()
                return .end(now, ())
            }
        }
        while !entered.isPassable, !Task.isCancelled { await Task.yield() }
        let behind = Task { try await store.revoke(token("behind")) }
        await store.untilWaiting(1)
        clock.advance(milliseconds: 5_000)
        _ = store.giveUpOverdue()
        #expect(await isGivenUp(end))
        #expect(await isGivenUp(behind))
        gate.open()
        await untilWorking(store)
        #expect(try await store.stored(session.id)?.session.endedAt == nil)
        #expect(try await store.revocations(since: 0) == [])
        store.close()
    }

    /// A client that retries its REFRESH after the stall must not be taken for a thief.
    @Test func theGraceWindowOfALateRotationHasNotRunDown() async throws {
        let store = try store()
        let account = try samples.account("ada")
        let session = samples.session(of: account.user.id)
        try await store.create(account, session: session)
        disk.stall(true)
        let rotate = Task { [now = clock.now()] in try await store.rotate(session.id, at: now) }
        await disk.untilHeld()
        clock.advance(seconds: 600)
        _ = store.giveUpOverdue()
        #expect(await isGivenUp(rotate))
        disk.stall(false)
        await untilWorking(store)
        clock.advance(seconds: 20)
        let rotated = try #require(try await store.stored(session.id)?.session)
        #expect(rotated.generation == session.generation + 1)
        #expect(try await store.serviceTime().isWithin(30_000, of: rotated.rotatedService))
        clock.advance(seconds: 11)
        #expect(try await !store.serviceTime().isWithin(30_000, of: rotated.rotatedService))
        store.close()
    }

    @Test func aStallThatEndsInAFailure() async throws {
        let store = try store()
        disk.stall(true)
        let revoke = Task { try await store.revoke(token("lost")) }
        await disk.untilHeld()
        clock.advance(milliseconds: 5_000)
        _ = store.giveUpOverdue()
        #expect(await isGivenUp(revoke))
        disk.cut()
        disk.stall(false)
        while !Task.isCancelled {
            if case .unavailable = store.health { break }
            await Task.yield()
        }
        #expect(log.events(.storeRecovered).isEmpty)
        disk.restore()
        #expect(try await store.revoke(token("next")) == .added)
        #expect(store.health == .working)
        #expect(log.events(.storeRecovered).count == 1)
        #expect(try await store.revocations(since: 0) == [token("next")])
        store.close()
    }

    /// Everything is overdue at once: whoever comes first, each call ends once, and what it was granted is there.
    @Test func everyCallEndsOnce() async throws {
        let store = try store(timeout: 0)
        let isOver = Lock(false)
        let impatient = Thread(name: "impatient") { while !isOver.withLock({ $0 }) { _ = store.giveUpOverdue() } }
        let granted = await withTaskGroup(of: String?.self) { group in
            for number in 0..<2_000 {
                group.addTask {
                    do {
                        _ = try await store.revoke(token(number))
                        return "\(number)"
                    } catch {
                        return (error as? UsherError)?.code == .storeUnavailable ? nil : "\(error)"
                    }
                }
            }
            return await group.reduce(into: Set<String>()) { granted, id in if let id { granted.insert(id) } }
        }
        isOver.withLock { $0 = true }
        impatient.join()
        let kept = Set(try await store.revocations(since: 0).map(\.id))
        #expect(granted.isSubset(of: kept))
        // Those that were committed without their callers were told to memory.
        let late = kept.subtracting(granted)
        #expect(told.wait(atMost: 10_000) { late.isSubset(of: Set($0.map(\.id))) ? true : nil } == true)
        store.close()
    }
}
