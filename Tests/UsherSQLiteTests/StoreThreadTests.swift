import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSQLite

@Suite(.timeLimit(.minutes(1))) struct StoreThreadTests {
    let samples = Samples()
    let disk = PowerCut()
    var clock: ManualClock { samples.clock }

    private func token(_ id: some CustomStringConvertible) -> Revocation {
        Revocation(kind: .token, id: "\(id)", until: 1_000)
    }

    @Test func aFullQueueIsBusyAtOnce() async throws {
        let store = try SQLiteStore(at: "usher.db", clock: clock, queue: 4, vfs: disk.name)
        let gate = Gate()
        let held = await store.hold(until: gate)
        let queued = (0..<4).map { index in Task { try await store.revoke(token(index)) } }
        await store.untilWaiting(4)
        await #expect(throws: UsherError.busy) { try await store.revoke(token("late")) }
        await #expect(throws: UsherError.busy) { try await store.revocations(since: 0) }
        gate.open()
        try await held.value
        for task in queued { #expect(try await task.value == .added) }
        #expect(try await store.revocations(since: 0).count == 4)
        store.close()
    }

    @Test func aBurstSharesItsCommits() async throws {
        let store = try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name)
        // The first write also begins the WAL.
        _ = try await store.revoke(token("first"))
        let gate = Gate()
        let held = await store.hold(until: gate)
        let queued = (0..<300).map { index in Task { try await store.revoke(token(index)) } }
        await store.untilWaiting(300)
        let before = disk.syncs
        gate.open()
        try await held.value
        for task in queued { #expect(try await task.value == .added) }
        #expect(disk.syncs == before + 2, "300 jobs are two batches of at most \(Limits.storeBatch)")
        #expect(try await store.revocations(since: 0).count == 301)
        store.close()
    }

    @Test func aJobThatFailsIsUndoneAlone() async throws {
        let log = RecordingLog()
        let store = try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name, log: log)
        let alice = try samples.account("alice")
        let session = samples.session(of: alice.user.id)
        try await store.create(alice, session: session)
        let gate = Gate()
        let held = await store.hold(until: gate)
        let before = Task { try await store.revoke(token("before")) }
        await store.untilWaiting(1)
        let bob = try samples.account("bob")
        // The account goes in, the session does not: its id is Alice's.
        let failing = Task { try await store.create(bob, session: session) }
        await store.untilWaiting(2)
        let after = Task { try await store.revoke(token("after")) }
        await store.untilWaiting(3)
        gate.open()
        try await held.value
        #expect(try await before.value == .added)
        #expect(try await after.value == .added)
        let error = await #expect(throws: UsherError.self) { try await failing.value }
        #expect(error?.code == .internal && error?.cause?.contains("UNIQUE constraint failed: sessions.id") == true)
        #expect(try await store.account(.username(bob.user.username)) == nil)
        #expect(try await store.takenField(username: bob.user.username, email: bob.user.email) == nil)
        #expect(try await store.revocations(since: 0).count == 2)
        #expect(log.events.isEmpty)
        store.close()
    }

    /// One that writes with a single statement has no savepoint.
    @Test func aRotationThatFailsIsUndoneAlone() async throws {
        let log = RecordingLog()
        let store = try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name, log: log)
        var sessions: [SessionID] = []
        for name in ["alice", "bob", "carol"] {
            let account = try samples.account(name)
            let session = samples.session(of: account.user.id)
            try await store.create(account, session: session)
            sessions.append(session.id)
        }
        // It fails when the row has been changed.
        try await store.perform { transaction throws(StoreFault) in
            try transaction.database.run(
                """
                CREATE TEMP TRIGGER fault AFTER UPDATE ON main.sessions WHEN new.rotated_at = 1
                BEGIN SELECT RAISE(ABORT, 'no such luck'); END
                """)
        }
        let gate = Gate()
        let held = await store.hold(until: gate)
        var rotations: [Task<Int64, any Error>] = []
        for (index, moment) in [clock.now(), 1, clock.now()].enumerated() {
            rotations.append(Task { [id = sessions[index]] in try await store.rotate(id, at: moment) })
            await store.untilWaiting(index + 1)
        }
        gate.open()
        try await held.value
        let error = await #expect(throws: UsherError.self) { try await rotations[1].value }
        #expect(error?.code == .internal && error?.cause?.contains("no such luck") == true)
        for (index, generation) in [2, 1, 2].enumerated() {
            #expect(try await store.stored(sessions[index])?.session.generation == Int64(generation))
        }
        for index in [0, 2] { #expect(try await rotations[index].value == 2) }
        #expect(log.events.isEmpty)
        store.close()
    }

    @Test func closingFinishesWhatIsQueued() async throws {
        let store = try SQLiteStore(at: "usher.db", clock: clock, queue: 300, vfs: disk.name)
        let gate = Gate()
        let held = await store.hold(until: gate)
        let queued = (0..<300).map { index in Task { try await store.revoke(token(index)) } }
        await store.untilWaiting(300)
        let closer = Thread(name: "closer") { store.close() }
        // The queue is full: no call waits.
        var refusal = UsherError.busy
        while refusal == .busy {
            do { _ = try await store.revocations(since: 0) } catch { refusal = error }
        }
        #expect(refusal == UsherError(.shuttingDown))
        gate.open()
        try await held.value
        for task in queued { #expect(try await task.value == .added) }
        closer.join()
        store.close()
        await #expect(throws: UsherError(.shuttingDown)) { try await store.revocations(since: 0) }
        let again = try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name)
        #expect(try await again.revocations(since: 0).count == 300)
        again.close()
    }

    // MARK: Service time

    /// Whether the window of the last rotation, 500 ms long, is still open at a start after a power cut.
    private func windowAfterCrash(_ session: SessionID) async throws -> Bool {
        let store = try SQLiteStore(at: "usher.db", clock: clock, vfs: disk.name)
        defer { store.close() }
        let time = try await store.serviceTime()
        let stored = try #require(try await store.stored(session))
        return time.isWithin(500, of: stored.session.rotatedService)
    }

    private func rotated(_ store: SQLiteStore) async throws -> SessionID {
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        try await store.create(account, session: session)
        clock.advance(milliseconds: 10_000)
        _ = try await store.rotate(session.id, at: clock.now())
        return session.id
    }

    @Test func aWindowThatWasOverStaysOverThoughNothingElseIsWritten() async throws {
        let store = try SQLiteStore(at: "usher.db", clock: clock, grace: 500, margin: 10, vfs: disk.name)
        let session = try await rotated(store)
        let before = disk.syncs
        clock.advance(milliseconds: 600)
        while disk.syncs == before, !Task.isCancelled { await Task.yield() }
        disk.cut()
        store.close()
        disk.restore()
        #expect(try await !windowAfterCrash(session))
    }

    @Test func aWindowThatWasOpenBeginsAnew() async throws {
        let store = try SQLiteStore(at: "usher.db", clock: clock, grace: 500, margin: 600_000, vfs: disk.name)
        let session = try await rotated(store)
        clock.advance(milliseconds: 400)
        disk.cut()
        store.close()
        disk.restore()
        clock.advance(milliseconds: 3_600_000)
        #expect(try await windowAfterCrash(session))
    }

    @Test func serviceTimeIsKeptOnceAfterARotationAndElseWithWrites() async throws {
        let store = try SQLiteStore(at: "usher.db", clock: clock, grace: 500, margin: 600_000, vfs: disk.name)
        _ = try await store.revoke(token("a"))
        let first = disk.syncs
        clock.advance(milliseconds: 700_000)
        _ = try await store.revocations(since: 0)
        #expect(disk.syncs == first, "nothing was rotated")
        _ = try await rotated(store)
        let second = disk.syncs
        clock.advance(milliseconds: 700_000)
        _ = try await store.revocations(since: 0)
        #expect(disk.syncs == second + 1)
        clock.advance(milliseconds: 700_000)
        _ = try await store.revocations(since: 0)
        #expect(disk.syncs == second + 1)
        store.close()
    }
}
