import CPowerCut
import CSQLite
import UsherThreads

/// A disk that forgets at a power cut what was not synced: see powercut.h.
@safe final class PowerCut: @unchecked Sendable {
    // Sendable is sound: the disk has a lock of its own.
    private let raw: OpaquePointer
    /// The name of its VFS.
    let name: String

    private static let count = Lock(0)

    init(seed: UInt64 = 1) {
        let number = Self.count.withLock { count in
            count += 1
            return count
        }
        name = "powercut-\(number)"
        unsafe raw = powercut_new(name, seed)
    }

    /// Forgets everything. No store may be open on it.
    func format(seed: UInt64) { unsafe powercut_format(raw, seed) }

    func cut() { unsafe powercut_cut(raw) }
    /// Cuts the power at the n-th change from now.
    func cut(at operation: Int) { unsafe powercut_cut_at(raw, operation) }
    func restore(torn: Bool = false) { unsafe powercut_restore(raw, torn ? 1 : 0) }
    func revive() { unsafe powercut_revive(raw) }
    var isCut: Bool { unsafe powercut_is_cut(raw) != 0 }

    func failSync(_ number: Int) { unsafe powercut_fail_sync(raw, number) }
    func failWrites(_ code: Int32) { unsafe powercut_fail_writes(raw, code) }

    func stall(_ stalls: Bool) { unsafe powercut_stall(raw, stalls ? 1 : 0) }
    /// Returns when a sync waits for the disk.
    func untilHeld() async {
        while unsafe powercut_held(raw) == 0, !Task.isCancelled { await Task.yield() }
    }

    var syncs: Int { unsafe powercut_syncs(raw) }
    var operations: Int { unsafe powercut_operations(raw) }
    var unsyncedWAL: Int { unsafe powercut_unsynced_wal(raw) }
    func damage(_ file: String, at offset: Int64, count: Int64) { unsafe powercut_damage(raw, file, offset, count) }
}
