import Glibc
import Testing
import UsherModel

@Suite struct SecretBytesTests {
    static func secret(_ text: String) -> SecretBytes {
        let bytes = Array(text.utf8)
        return SecretBytes(copying: bytes.span)
    }

    @Test(arguments: ["", "x", "a whole secret", "with\0inside", "é"])
    func `it holds what it was given, and a NUL behind it`(_ text: String) {
        let secret = Self.secret(text)
        #expect(secret.count == text.utf8.count)
        #expect(secret.withBytes { bytes in bytes.indices.map { bytes[$0] } } == Array(text.utf8))
        #expect(unsafe secret.withCString { unsafe strlen($0) } == text.utf8.prefix { $0 != 0 }.count)
        #expect(secret.contains(0) == text.utf8.contains(0))
        #expect(secret.contains(0x78) == text.utf8.contains(0x78))
    }

    @Test func `a part of the capacity may be filled`() {
        let secret = unsafe SecretBytes(capacity: 10) { target in
            unsafe target.storeBytes(of: 0x61, as: UInt8.self)
            return target.count == 10 ? 1 : 0
        }
        #expect(secret.count == 1)
        #expect(secret.withBytes { $0[0] } == 0x61)
        #expect(unsafe secret.withCString { unsafe strlen($0) } == 1)
    }

    @Test(arguments: [
        ("", "", true), ("a", "a", true), ("a", "b", false), ("a", "aa", false), ("a\0", "a", false), ("abc", "abd", false),
        ("xbc", "abc", false), ("same length!", "same length!", true),
    ])
    func `equality is of the bytes`(_ left: String, _ right: String, _ isEqual: Bool) {
        let left = Self.secret(left)
        let right = Self.secret(right)
        let equal = left == right
        let swapped = right == left
        #expect(equal == isEqual)
        #expect(swapped == isEqual)
    }

    /// What the process's memory holds at `address`, read through the kernel: that address may have been freed.
    private static func memory(at address: UInt, count: Int) -> [UInt8]? {
        let file = unsafe open("/proc/self/mem", O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        let length = unsafe pread(file, &bytes, count, off_t(address))
        return Array(bytes.prefix(max(length, 0)))
    }

    @Test func `it is overwritten when it is dropped`() throws {
        // Longer than what an allocator overwrites of its own accord, shorter than what it gives back to the system.
        let pattern = (0..<4_096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) | 1 }
        func address(of secret: borrowing SecretBytes) -> UInt {
            unsafe secret.withCString { UInt(bitPattern: $0) }
        }
        func fillAndDrop() throws -> UInt {
            let secret = SecretBytes(copying: pattern.span)
            let address = address(of: secret)
            // While it lives the kernel shows it: so it would show what had been left.
            #expect(Self.memory(at: address, count: pattern.count) == pattern)
            return address
        }
        let dropped = try fillAndDrop()
        // Nothing read is as good as nothing left: the page is gone.
        let left = Self.memory(at: dropped, count: pattern.count) ?? []
        let same = zip(left, pattern).count { $0 == $1 }
        #expect(same < 64, "\(same) of \(pattern.count) bytes are still there")
    }

    @Test func `a shared secret does not print`() {
        let shared = SharedSecret(Self.secret("hunter2"))
        #expect(String(describing: shared) == "<secret>")
        #expect(String(reflecting: shared) == "<secret>")
        #expect("\(shared)" == "<secret>")
        var dumped = ""
        dump(shared, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        #expect(Mirror(reflecting: shared).children.isEmpty)
    }

    @Test func `a password's hash does not print`() {
        let hash = PasswordHash("$2b$10$secret")
        #expect("\(hash)" == "<hash>")
        #expect(String(reflecting: hash) == "<hash>")
        #expect(Mirror(reflecting: hash).children.isEmpty)
        var dumped = ""
        dump(hash, to: &dumped)
        dump([hash], to: &dumped)
        #expect(!dumped.contains("2b"))
    }
}
