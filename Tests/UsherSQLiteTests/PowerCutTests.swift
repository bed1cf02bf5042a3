import CSQLite
import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSQLite

/// What was acknowledged before the power went.
private struct Acknowledged: Sendable {
    var users: [Username] = []
    var generations: [SessionID: Int64] = [:]
    var revocations: [Revocation] = []
}

@Suite(.timeLimit(.minutes(3))) struct PowerCutTests {
    let samples = Samples()
    let disk = PowerCut()
    var clock: ManualClock { samples.clock }

    private func open(
        checkpoint: Int32 = 1_000, log: RecordingLog = RecordingLog(),
        recovered: @escaping @Sendable ([Revocation]) -> Void = { _ in }
    ) throws -> SQLiteStore {
        try SQLiteStore(at: "usher.db", clock: clock, checkpoint: checkpoint, vfs: disk.name, log: log, recovered: recovered)
    }

    private func token(_ id: some CustomStringConvertible) -> Revocation {
        Revocation(kind: .token, id: "\(id)", until: 1_000)
    }

    @Test func nothingIsAcknowledgedWithoutASync() async throws {
        let store = try open()
        let account = try samples.account("alice")
        let session = samples.session(of: account.user.id)
        let writes: [@Sendable () async throws -> Void] = [
            { try await store.create(account, session: session) },
            { _ = try await store.rotate(session.id, at: 5) },
            { _ = try await store.revoke(Revocation(kind: .token, id: "a", until: 5)) },
            { _ = try await store.open(samples.login(account)) },
            { _ = try await store.update(session.id) { _, _ throws(UsherError) in .end(6, ()) } },
            { _ = try await store.endSessions(of: account.user.id, at: 7) },
            { _ = try await store.edit(account.user.id, until: 5) { $0.user.role = "admin" } },
            { _ = try await store.delete(account.user.id, verified: nil, until: 5) },
            { _ = try await store.purge(before: .max, most: 10) },
        ]
        for write in writes {
            let before = disk.syncs
            try await write()
            #expect(disk.syncs > before && disk.unsyncedWAL == 0)
        }
        // What writes nothing waits for no disk.
        let before = disk.syncs
        _ = try await store.account(.username(account.user.username))
        #expect(disk.syncs == before)
        store.close()
    }

    /// Eight clients register, refresh and revoke until the power goes.
    private func load(_ store: SQLiteStore, _ acknowledged: Lock<Acknowledged>) async {
        await withTaskGroup(of: Void.self) { group in
            for client in 0..<8 {
                group.addTask {
                    for round in 0... {
                        do {
                            let account = try samples.account("user-\(client)-\(round)")
                            let session = samples.session(of: account.user.id)
                            try await store.create(account, session: session)
                            acknowledged.withLock {
                                $0.users.append(account.user.username)
                                $0.generations[session.id] = 1
                            }
                            for _ in 0..<3 {
                                let generation = try await store.rotate(session.id, at: clock.now())
                                acknowledged.withLock { $0.generations[session.id] = generation }
                            }
                            let revocation = Revocation(kind: .token, id: session.id.description, until: 1_000)
                            _ = try await store.revoke(revocation)
                            acknowledged.withLock { $0.revocations.append(revocation) }
                        } catch {
                            #expect((error as? UsherError)?.code == .storeUnavailable)
                            return
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: 0..<4) func whatWasAcknowledgedOutlivesEveryCut(part: Int) async throws {
        var acknowledgements = 0
        for seed in UInt64(part * 100)..<UInt64(part * 100 + 100) {
            disk.format(seed: seed)
            let random = SeededRandom(seed: seed)
            let acknowledged = Lock(Acknowledged())
            // Every 30 frames a checkpoint, so that many a cut falls into one.
            disk.cut(at: Int(random.word() % 1_200) + 1)
            do {
                let store = try open(checkpoint: 30)
                await load(store, acknowledged)
                store.close()
            } catch {
                #expect(error is StoreOpenError && disk.isCut)
            }
            #expect(disk.isCut)
            disk.restore(torn: seed % 2 == 1)
            // The power may go again while the store recovers.
            if seed % 3 == 0 {
                disk.cut(at: Int(random.word() % 40) + 1)
                (try? open())?.close()
                disk.cut()
                disk.restore(torn: seed % 2 == 0)
            }
            try await check(acknowledged.withLock { $0 }, seed: seed)
            acknowledgements += acknowledged.withLock { $0.revocations.count }
        }
        #expect(acknowledgements > 0)
    }

    private func check(_ acknowledged: Acknowledged, seed: UInt64) async throws {
        let store = try open()
        defer { store.close() }
        for user in acknowledged.users {
            #expect(try await store.account(.username(user)) != nil, "seed \(seed): \(user) is lost")
        }
        for (session, generation) in acknowledged.generations {
            let stored = try #require(try await store.stored(session), "seed \(seed): a session is lost").session
            #expect((generation...generation + 1).contains(stored.generation), "seed \(seed): a rotation is lost")
        }
        let revocations = try await Set(store.revocations(since: 0))
        #expect(revocations.isSuperset(of: acknowledged.revocations), "seed \(seed): a revocation is lost")
    }

    /// The process is killed at any moment, and the page cache survives it: what the next one answers from there outlives a power cut,
    /// though its sync never came.
    @Test func whatTheNextProcessReadsIsDurable() async throws {
        var unacknowledged = 0
        for operation in 1...80 {
            disk.format(seed: UInt64(operation))
            let store = try open(checkpoint: 8)
            disk.cut(at: operation)
            var acknowledged = 0
            while (try? await store.revoke(token(acknowledged))) != nil { acknowledged += 1 }
            store.close()
            disk.revive()
            let next = try open()
            let seen = try await next.revocations(since: 0).count
            #expect([acknowledged, acknowledged + 1].contains(seen))
            unacknowledged += seen - acknowledged
            disk.cut()
            next.close()
            disk.restore()
            let last = try open()
            #expect(try await last.revocations(since: 0).count == seen, "operation \(operation)")
            last.close()
        }
        #expect(unacknowledged > 0)
    }

    // MARK: Failures of the disk

    @Test func aFailedSyncFailsItsWholeBatch() async throws {
        let log = RecordingLog()
        let reloaded = Lock<[[Revocation]]>([])
        let store = try open(log: log) { revocations in reloaded.withLock { $0.append(revocations) } }
        _ = try await store.revoke(token("before"))
        let gate = Gate()
        let held = await store.hold(until: gate)
        let writes = (0..<10).map { index in Task { _ = try await store.revoke(token(index)) } }
        let read = Task { _ = try await store.revocations(since: 0) }
        let refusal = Task {
            try await store.update(SessionID(samples.id())) { _, _ throws(UsherError) -> SessionStep<Void> in
                throw UsherError(.tokenRevoked)
            }
        }
        await store.untilWaiting(12)
        disk.failSync(1)
        gate.open()
        try await held.value
        for task in writes + [read, refusal] {
            let error = await #expect(throws: UsherError.self) { try await task.value }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.cause?.contains("disk I/O error (SQLite \(SQLITE_IOERR | 4 << 8))") == true)
        }
        #expect(try await store.revoke(token("after")) == .added)
        let failures = log.events.map(\.kind)
        #expect(failures == [.failure, .storeRecovered])
        #expect(reloaded.withLock { $0.count } == 1)
        #expect(reloaded.withLock { $0.first?.contains(token("before")) } == true)
        // What can be read since then is on the disk; of the failed batch all or nothing.
        let seen = try await Set(store.revocations(since: 0))
        #expect([2, 12].contains(seen.count))
        disk.cut()
        store.close()
        disk.restore()
        let again = try open()
        #expect(try await Set(again.revocations(since: 0)) == seen)
        again.close()
    }

    /// SQLITE_FULL: the disk is full. SQLITE_READONLY: the kernel has remounted it. SQLITE_IOERR: it is broken.
    @Test(arguments: [SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR])
    func aDiskThatTakesNoWritesIsUnavailableUntilItDoes(code: Int32) async throws {
        let log = RecordingLog()
        let store = try open(log: log)
        _ = try await store.revoke(token("before"))
        disk.failWrites(code)
        for index in 0..<5 {
            let error = await #expect(throws: UsherError.self) { try await store.revoke(token(index)) }
            #expect(error?.code == .storeUnavailable && error?.cause?.isEmpty == false)
        }
        #expect(log.events.map(\.kind) == [.failure])
        disk.failWrites(0)
        #expect(try await store.revoke(token("after")) == .added)
        #expect(try await store.revoke(token("before")) == .known)
        #expect(log.events.map(\.kind) == [.failure, .storeRecovered])
        // The next streak is told again.
        disk.failWrites(code)
        await #expect(throws: UsherError.self) { try await store.revoke(token("x")) }
        #expect(log.events.map(\.kind) == [.failure, .storeRecovered, .failure])
        disk.failWrites(0)
        store.close()
        let again = try open()
        #expect(try await again.revocations(since: 0).contains(token("after")))
        again.close()
    }

    /// The commit begins the WAL anew: its header is synced first, then its frames; then the checkpoint syncs the WAL and the database.
    @Test(arguments: 3...4) func aCheckpointThatFailsLosesNothing(sync: Int) async throws {
        let log = RecordingLog()
        let store = try open(checkpoint: 1, log: log)
        _ = try await store.revoke(token("before"))
        disk.failSync(sync)
        #expect(try await store.revoke(token("during")) == .added)
        #expect(log.wait(for: .failure) != nil)
        #expect(try await store.revoke(token("after")) == .added)
        #expect(log.wait(for: .storeRecovered) != nil)
        disk.cut()
        store.close()
        disk.restore()
        let again = try open()
        #expect(try await Set(again.revocations(since: 0)) == [token("before"), token("during"), token("after")])
        again.close()
    }

    @Test func aStoreThatCannotBeOpenedAgainFailsUntilItCan() async throws {
        let log = RecordingLog()
        let reloaded = Lock(0)
        let store = try open(log: log) { _ in reloaded.withLock { $0 += 1 } }
        _ = try await store.revoke(token("before"))
        disk.cut()
        for _ in 0..<3 {
            let writing = await #expect(throws: UsherError.self) { try await store.revoke(token("lost")) }
            #expect(writing?.code == .storeUnavailable)
            await #expect(throws: UsherError.self) { try await store.revocations(since: 0) }
        }
        #expect(reloaded.withLock { $0 } == 0)
        disk.restore()
        #expect(try await store.revoke(token("after")) == .added)
        #expect(reloaded.withLock { $0 } == 1)
        #expect(log.events.map(\.kind) == [.failure, .storeRecovered])
        #expect(try await Set(store.revocations(since: 0)) == [token("before"), token("after")])
        store.close()
    }
}
