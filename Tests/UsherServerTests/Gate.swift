import Glibc
import UsherModel
import UsherTesting
import UsherThreads

/// A hasher that waits at a gate, so that tests say how long a hash takes.
final class GateHasher: PasswordHasher {
    private let inner = FastHasher()
    private let gate = Mailbox((isOpen: false, passes: 0, entered: 0, threads: Set<UInt>()))

    func decoy(like setting: String?) -> PasswordHash { inner.decoy(like: setting) }
    /// How many have come to the gate.
    var entered: Int { gate.withLock { $0.entered } }
    /// Who hashed.
    var threads: Set<UInt> { gate.withLock { $0.threads } }

    /// Lets one through.
    func letPass() { gate.changeForAll { $0.passes += 1 } }
    /// Lets all through from now on.
    func open() { gate.changeForAll { $0.isOpen = true } }
    /// Blocks until so many have come.
    func wait(for count: Int) { _ = gate.wait(atMost: 10_000) { $0.entered >= count ? true : nil } }

    func passThrough() {
        gate.changeForAll { gate in
            gate.entered += 1
            gate.threads.insert(UInt(pthread_self()))
        }
        _ = gate.wait { gate -> Bool? in
            if gate.isOpen { return true }
            guard gate.passes > 0 else { return nil }
            gate.passes -= 1
            return true
        }
    }

    func hash(_ password: borrowing SecretBytes) throws(UsherError) -> PasswordHash {
        passThrough()
        return try inner.hash(password)
    }

    func verify(_ password: borrowing SecretBytes, against hash: PasswordHash) throws(UsherError) -> Bool {
        passThrough()
        return try inner.verify(password, against: hash)
    }

    func objection(to hash: PasswordHash) -> String? { inner.objection(to: hash) }

    func isOutdated(_ hash: PasswordHash, for password: borrowing SecretBytes) -> Bool { false }
}
