import Glibc
public import UsherModel

/// The lock on the folder that holds what lasts: one process at a time uses it.
public struct StateLock: Sendable {
    /// Held locked (flock(2)) as long as the process lives: the kernel lets go of it however the process ends.
    private let descriptor: Int32
    /// The process that had it last, if that did not come to an orderly end.
    public let predecessor: String?

    /// - Parameter path: of the folder, which must exist.
    /// - Throws: who holds it, or what is wrong with it.
    public init(claiming path: String) throws(StartFailure) {
        let file = path + "/lock"
        descriptor = unsafe open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StartFailure("The state folder \(path) cannot be used: \(file): \(errorText(errno)).")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure =
                errno == EWOULDBLOCK
                ? "Process \(Self.holder(descriptor)) uses the state folder \(path)." : "\(file): \(errorText(errno))."
            throw StartFailure(failure)
        }
        let last = Self.holder(descriptor)
        predecessor = last.isEmpty ? nil : last
        let holder = "\(getpid())\n"
        guard ftruncate(descriptor, 0) == 0, unsafe pwrite(descriptor, holder, holder.utf8.count, 0) == holder.utf8.count else {
            throw StartFailure("The state folder \(path) cannot be written: \(file): \(errorText(errno)).")
        }
    }

    /// An orderly end: nothing is left for the next one to be told of. (Not synced: after a power cut that follows at once it may be.)
    public func release() { ftruncate(descriptor, 0) }

    /// What the one who has the lock wrote into it.
    private static func holder(_ descriptor: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 20)
        let count = unsafe pread(descriptor, &text, text.count, 0)
        return String(decoding: text.prefix(max(count, 0)).prefix { (0x30...0x39).contains($0) }, as: UTF8.self)
    }
}
