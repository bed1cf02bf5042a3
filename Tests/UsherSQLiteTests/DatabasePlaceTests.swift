import Glibc
import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSQLite

/// Files that are taken away from under the store: what it says is durable must be found again.
@Suite(.timeLimit(.minutes(1))) struct DatabasePlaceTests {
    let clock = ManualClock()
    let log = RecordingLog()
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func token(_ id: String) -> Revocation { Revocation(kind: .token, id: id, until: 1_000) }

    private func move(_ from: String, _ to: String) {
        #expect(unsafe rename("\(folder.path)/\(from)", "\(folder.path)/\(to)") == 0)
    }

    @Test func aDatabaseThatIsMovedIsMissedUntilItIsBack() async throws {
        let store = try SQLiteStore(at: folder.database, clock: clock, log: log)
        #expect(try await store.revoke(token("before")) == .added)
        move("usher.db", "elsewhere.db")
        for id in ["lost", "again"] {
            let error = await #expect(throws: UsherError.self) { try await store.revoke(token(id)) }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.cause?.contains("\(folder.database)") == true)
        }
        await #expect(throws: UsherError.self) { try await store.revocations(since: 0) }
        let failures = log.events(.failure)
        #expect(failures.count == 1 && failures.first?.message.contains("moved, removed or replaced") == true)
        guard case .unavailable(let cause) = store.health else { throw UsherError(.internal) }
        #expect(cause.contains("Put it back, or restart usherd"))
        // No other takes its place.
        #expect(!folder.names.contains("usher.db"))
        folder.write([], to: folder.database)
        await #expect(throws: UsherError.self) { try await store.revoke(token("other")) }
        #expect(folder.names.contains("usher.db"))
        move("elsewhere.db", "usher.db")
        #expect(try await store.revoke(token("after")) == .added)
        #expect(log.events(.storeRecovered).count == 1 && store.health == .working)
        store.close()
        let again = try SQLiteStore(at: folder.database, clock: clock)
        let known = Set(try await again.revocations(since: 0).map(\.id))
        #expect(known.isSuperset(of: ["before", "after"]) && !known.contains("other"))
        again.close()
    }

    @Test func aDatabaseThatIsReplacedIsLeftAlone() async throws {
        let other = try SQLiteStore(at: "\(folder.path)/other.db", clock: clock)
        _ = try await other.revoke(token("other's"))
        other.close()
        let store = try SQLiteStore(at: folder.database, clock: clock, log: log)
        #expect(try await store.revoke(token("before")) == .added)
        move("other.db", "usher.db")
        await #expect(throws: UsherError.self) { try await store.revoke(token("lost")) }
        await #expect(throws: UsherError.self) { try await store.revoke(token("lost")) }
        store.close()
        // With a restart, it is what is there now, untouched by the other's WAL.
        let again = try SQLiteStore(at: folder.database, clock: clock)
        #expect(try await again.revocations(since: 0).map(\.id) == ["other's"])
        again.close()
    }

    /// It is still open, and what it holds goes into the database.
    @Test func aRemovedWALIsMadeGood() async throws {
        let store = try SQLiteStore(at: folder.database, clock: clock, log: log)
        #expect(try await store.revoke(token("before")) == .added)
        #expect(unsafe unlink(folder.database + "-wal") == 0)
        await #expect(throws: UsherError.self) { try await store.revoke(token("unknown")) }
        #expect(log.events(.failure).first?.message.contains("usher.db-wal has been moved") == true)
        #expect(try await store.revoke(token("after")) == .added)
        #expect(Set(try await store.revocations(since: 0).map(\.id)) == ["before", "unknown", "after"])
        store.close()
    }
}
