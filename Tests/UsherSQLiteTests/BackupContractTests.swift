import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do of `BackupStore`.
@Suite struct BackupContractTests {
    private let samples = Samples()

    /// All of it, in parts of `most` bytes.
    private func read(_ store: any Store, most: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part = try await store.readCopy(at: bytes.count, most: most)
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    @Test(arguments: StoreKind.allCases) func theCopyIsReadInParts(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, samples.clock).store
        try await store.create(samples.account("ada"), session: nil)
        let size = try await store.makeCopy()
        let whole = try await read(store, most: .max)
        #expect(size > 0 && whole.count == size)
        #expect(try await read(store, most: 7 + size / 5) == whole)
        #expect(try await store.readCopy(at: size + 9, most: 10).isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func theNextOneTakesItsPlace(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, samples.clock).store
        _ = try await store.makeCopy()
        let empty = try await read(store, most: .max)
        try await store.create(samples.account("ada"), session: nil)
        #expect(try await read(store, most: .max) == empty)
        _ = try await store.makeCopy()
        #expect(try await read(store, most: .max) != empty)
    }

    @Test(arguments: StoreKind.allCases) func whatIsDroppedIsGone(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, samples.clock)
        _ = try await tested.store.makeCopy()
        try await tested.store.dropCopy()
        try await tested.store.dropCopy()
        let error = await #expect(throws: UsherError.self) { try await tested.store.readCopy(at: 0, most: 1) }
        #expect(error?.code == .storeUnavailable)
        #expect(try await tested.store.tokensBefore() == nil)
    }
}
