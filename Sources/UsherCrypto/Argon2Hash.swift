import CArgon2
import COpenSSL
import Glibc
import UsherModel

/// A hash of Argon2id or Argon2i (RFC 9106) in the form of the PHC: `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`, as PHP's
/// password_hash and argon2-cffi make it.
struct Argon2Hash {
    static let prefixes = ["$argon2id$", "$argon2i$"]
    /// Bytes that a hash and a salt may have; usual are 32 and 16.
    private static let digestLengths = 16...64
    private static let saltLengths = 8...Limits.hashSalt

    private let type: argon2_type
    /// KiB.
    private let memory: Int
    private let passes: Int
    private let lanes: Int
    private let salt: [UInt8]
    private let digest: [UInt8]

    init(parsing text: String) throws(HashFault) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].isEmpty else {
            throw HashFault("A hash of Argon2 is $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>.")
        }
        type = parts[1] == "argon2id" ? Argon2_id : Argon2_i
        guard parts[2] == "v=19" else { throw HashFault("Of Argon2, only version 19 (v=19) is known.") }
        let parameters = parts[3].split(separator: ",", omittingEmptySubsequences: false)
        guard parameters.count == 3, let memory = Self.number(parameters[0], "m="), let passes = Self.number(parameters[1], "t="),
            let lanes = Self.number(parameters[2], "p=")
        else {
            throw HashFault("The parameters of Argon2 are m, t and p, in this order, and no others.")
        }
        guard (1...Limits.argon2Lanes).contains(lanes) else {
            throw HashFault("The lanes (p) of Argon2 must be 1 to \(Limits.argon2Lanes).")
        }
        guard memory >= 8 * lanes, memory <= Limits.hashMemory / 1024 else {
            throw HashFault(
                "The memory (m) of Argon2 must be 8 KiB a lane at least and \((Limits.hashMemory / 1024).grouped) KiB at most.")
        }
        guard passes >= 1, passes <= Limits.hashWork / 1024 / memory else {
            throw HashFault(
                "The passes (t) of Argon2 must be 1 at least, and times its memory \((Limits.hashWork / 1024).grouped) KiB at most."
            )
        }
        guard let salt = HashText.base64(parts[4], isPadded: false), Self.saltLengths.contains(salt.count),
            let digest = HashText.base64(parts[5], isPadded: false), Self.digestLengths.contains(digest.count)
        else {
            throw HashFault(
                "The salt of Argon2 must be \(Self.saltLengths.lowerBound) to \(Self.saltLengths.upperBound) bytes, and its hash "
                    + "\(Self.digestLengths.lowerBound) to \(Self.digestLengths.upperBound), in base64 without padding.")
        }
        (self.memory, self.passes, self.lanes) = (memory, passes, lanes)
        self.salt = salt
        self.digest = digest
    }

    private static func number(_ parameter: Substring, _ name: String) -> Int? {
        parameter.hasPrefix(name) ? HashText.number(parameter.dropFirst(name.utf8.count)) : nil
    }

    /// One that nobody has a password for.
    static func decoy(_ setting: String) -> String {
        setting + HashText.base64(Array(repeating: 0, count: 16), isPadded: false) + "$"
            + HashText.base64(HashText.random(count: 32), isPadded: false)
    }

    func isMatch(_ password: borrowing SecretBytes) throws(UsherError) -> Bool {
        var computed = [UInt8](repeating: 0, count: digest.count)
        let length = password.count
        let result = unsafe password.withCString { password in
            unsafe computed.withUnsafeMutableBufferPointer { computed in
                unsafe salt.withUnsafeBufferPointer { salt in
                    var context = unsafe argon2_context()
                    unsafe context.out = computed.baseAddress
                    unsafe context.outlen = UInt32(computed.count)
                    // Neither is written to.
                    unsafe context.pwd = UnsafeMutableRawPointer(mutating: password).assumingMemoryBound(to: UInt8.self)
                    unsafe context.pwdlen = UInt32(length)
                    unsafe context.salt = UnsafeMutablePointer(mutating: salt.baseAddress)
                    unsafe context.saltlen = UInt32(salt.count)
                    unsafe context.t_cost = UInt32(passes)
                    unsafe context.m_cost = UInt32(memory)
                    unsafe context.lanes = UInt32(lanes)
                    // The hash is the same, and no threads are started beside those of the pool.
                    unsafe context.threads = 1
                    unsafe context.version = UInt32(ARGON2_VERSION_13.rawValue)
                    // Memory of this size is to go back to the kernel, not to the allocator.
                    unsafe context.allocate_cbk = allocate
                    unsafe context.free_cbk = free
                    return leavingNoRemains(ofSecretOf: length) { unsafe argon2_ctx(&context, type) }
                }
            }
        }
        guard result == ARGON2_OK.rawValue else {
            throw UsherError(.internal, cause: "libargon2: \(unsafe String(cString: argon2_error_message(result)))")
        }
        return unsafe CRYPTO_memcmp(computed, digest, digest.count) == 0
    }
}

private func allocate(_ memory: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, _ count: Int) -> Int32 {
    let pages = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pages = unsafe pages, unsafe pages != MAP_FAILED else { return ARGON2_MEMORY_ALLOCATION_ERROR.rawValue }
    unsafe memory?.pointee = pages.assumingMemoryBound(to: UInt8.self)
    return ARGON2_OK.rawValue
}

private func free(_ memory: UnsafeMutablePointer<UInt8>?, _ count: Int) {
    unsafe munmap(memory, count)
}
