import CCrypt
import Glibc
import UsherModel

/// Hashes `phrase` under `setting`, which must be of an allowed scheme: see `StoredScheme`.
/// - Returns: a hash in the form of crypt(5). Whether it is one of that setting is for the caller to check.
/// - Throws: `internal` when libcrypt fails: a broken setting, or no memory.
func crypt(_ phrase: borrowing Phrase, setting: String) throws(UsherError) -> [UInt8] {
    // 32 KiB, which hold the password and what can be made of it: gone when the call returns.
    let data = UnsafeMutableRawBufferPointer.allocate(byteCount: MemoryLayout<crypt_data>.size, alignment: 16)
    unsafe data.initializeMemory(as: UInt8.self, repeating: 0)
    defer {
        unsafe cleanse(data)
        unsafe data.deallocate()
    }
    var failure: Int32 = 0
    let hash: [UInt8] = unsafe phrase.bytes.withCString { phrase in
        unsafe setting.withCString { setting in
            guard let hash = unsafe crypt_rn(phrase, setting, data.baseAddress, Int32(data.count)) else {
                failure = errno
                return []
            }
            return unsafe Array(UnsafeRawBufferPointer(start: hash, count: strlen(hash)))
        }
    }
    // crypt_rn(3) gives NULL where others give "*0" or "*1"; no hash begins with a star in any case.
    guard let first = hash.first, first != UInt8(ascii: "*") else {
        throw UsherError(.internal, cause: "libcrypt: hashing failed: \(errorText(failure))")
    }
    return hash
}

extension PasswordSettings {
    /// A setting of the scheme and the cost, with a fresh salt from the kernel.
    /// - Throws: `internal` when libcrypt has no such scheme, or not that cost.
    func freshSetting() throws(UsherError) -> String {
        let prefix =
            switch scheme {
            case .yescrypt: "$y$"
            case .bcrypt: "$2b$"
            }
        var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        guard
            scheme.costs.contains(cost),
            unsafe crypt_gensalt_rn(prefix, UInt(cost), nil, 0, &setting, Int32(setting.count)) != nil
        else {
            throw UsherError(
                .internal,
                cause: "libcrypt: no setting for \(scheme.rawValue) of cost \(cost); "
                    + "the cost may be \(scheme.costs.lowerBound) to \(scheme.costs.upperBound)")
        }
        return String(decoding: setting.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
