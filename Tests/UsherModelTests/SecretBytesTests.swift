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

    @Test func `it is overwritten when it is dropped`() {
        // Longer than what an allocator overwrites of its own accord.
        let pattern = (0..<4_096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) | 1 }
        // Made before, lest it be given the very memory that it is to look at.
        var seen = [UInt8](repeating: 0, count: pattern.count)
        // Read through the kernel: what has been freed must not be read directly.
        let file = unsafe open("/proc/self/mem", O_RDONLY)
        defer { close(file) }
        var address: UInt = 0
        do {
            let secret = SecretBytes(copying: pattern.span)
            address = unsafe secret.withCString { UInt(bitPattern: $0) }
            let length = unsafe pread(file, &seen, seen.count, off_t(address))
            #expect(length == pattern.count)
            #expect(seen == pattern)
            for index in seen.indices { seen[index] = 0 }
        }
        // Should the page be gone, nothing is read.
        _ = unsafe pread(file, &seen, seen.count, off_t(address))
        let left = zip(seen, pattern).count { $0 == $1 }
        #expect(left < 64, "\(left) of \(pattern.count) bytes are still there")
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
