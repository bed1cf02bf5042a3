import CPlatform

/// Bytes that must not outlive their use: a password, a signing secret, a session's seed. They live outside String and Array, are
/// followed by a NUL for C, and are overwritten (explicit_bzero(3)) when dropped.
@safe public struct SecretBytes: ~Copyable, @unchecked Sendable {
    // Sendable is sound: nothing writes to the storage after the initialiser, and it is freed only with its one owner.
    private let storage: UnsafeMutableRawBufferPointer
    /// The number of bytes, without the NUL that follows them.
    public let count: Int

    /// Copies `bytes`; the caller cleanses its own copy.
    public init(copying bytes: Span<UInt8>) {
        unsafe self.init(capacity: bytes.count) { target in
            for index in bytes.indices { unsafe target[index] = bytes[index] }
            return bytes.count
        }
    }

    /// Lets `fill` write up to `capacity` bytes straight into the storage; it returns how many it wrote.
    public init(capacity: Int, fill: (UnsafeMutableRawBufferPointer) -> Int) {
        unsafe storage = .allocate(byteCount: capacity + 1, alignment: 16)
        unsafe storage.initializeMemory(as: UInt8.self, repeating: 0)
        let written = unsafe fill(UnsafeMutableRawBufferPointer(rebasing: storage[..<capacity]))
        precondition(written >= 0 && written <= capacity, "a secret was filled past its end")
        count = written
    }

    deinit {
        unsafe cleanse(storage)
        unsafe storage.deallocate()
    }

    /// The bytes, for the duration of `body`.
    public borrowing func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: storage[..<count]).assumingMemoryBound(to: UInt8.self)
        return try body(unsafe bytes.span)
    }

    /// The bytes as a C string, for the duration of `body`. A NUL inside ends it early: check `contains(0)` first.
    public borrowing func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        unsafe body(UnsafePointer(storage.baseAddress!.assumingMemoryBound(to: CChar.self)))
    }

    /// Whether `byte` occurs. Takes time that depends on where: not for comparing secrets.
    public borrowing func contains(_ byte: UInt8) -> Bool {
        withBytes { bytes in
            for index in bytes.indices where bytes[index] == byte { return true }
            return false
        }
    }

    /// Whether both hold the same bytes, in a time that depends on their lengths alone.
    public static func == (left: borrowing SecretBytes, right: borrowing SecretBytes) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<left.count { unsafe difference |= left.storage[index] ^ right.storage[index] }
        return difference == 0
    }
}

/// A secret that several threads hold: it is cleansed when the last of them lets go. Prints as `<secret>`.
public final class SharedSecret: Sendable, CustomStringConvertible, CustomReflectable {
    public let bytes: SecretBytes

    public init(_ bytes: consuming SecretBytes) { self.bytes = bytes }

    public var description: String { "<secret>" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// Overwrites memory in a way that the compiler cannot leave out.
public func cleanse(_ memory: UnsafeMutableRawBufferPointer) {
    if let base = memory.baseAddress { unsafe usher_cleanse(base, memory.count) }
}

/// Lets a C library handle a secret of `count` bytes, and overwrites what it may have left of it on this thread's stack, and in blocks of that
/// size that it has freed as they were.
public func leavingNoRemains<R>(ofSecretOf count: Int, _ handle: () -> R) -> R {
    // So that no other thread can get a block between its being freed and being overwritten.
    usher_cleanse_remains(count)
    defer { usher_cleanse_remains(count) }
    return handle()
}

/// Overwrites what a C library that keeps no state has left in variables of its own.
/// - Parameter within: a constant of the library.
public func cleanseVariables(ofLibraryOf within: UnsafePointer<CChar>) { unsafe usher_cleanse_variables(within) }

/// Keeps the process's memory out of core dumps and away from debuggers of the same user.
/// - Throws: when the kernel refuses.
public func forbidMemoryDumps() throws(StartFailure) {
    let result = usher_forbid_dumps()
    guard result == 0 else { throw StartFailure("The process's memory cannot be protected: error \(-result).") }
}
