import COpenSSL
public import UsherModel

/// Random bits of libcrypto's generators, from any thread. Nothing is buffered here: bits that are handed out are kept nowhere
/// else.
///
/// What can be seen from outside (identifiers) and what must not (secrets) come of two generators, so that seeing much of the one
/// never helps to guess the other (RAND_priv_bytes(3)).
public struct OpenSSLRandom: RandomSource {
    public init() {}

    public func word() -> UInt64 { words().0 }

    public func words() -> (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        let isDone = unsafe withUnsafeMutableBytes(of: &words) { target in
            unsafe RAND_bytes(target.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(target.count)) == 1
        }
        guard isDone else { failRandom() }
        return words
    }

    public func secret(count: Int) -> SecretBytes {
        unsafe SecretBytes(capacity: count) { target in
            guard unsafe RAND_priv_bytes(target.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(count)) == 1 else {
                failRandom()
            }
            return count
        }
    }
}

/// Identifiers, seeds and salts that can be guessed would let strangers in: without random bits the daemon must not go on.
private func failRandom() -> Never {
    fatalError("libcrypto: no random bits; its generator could not be seeded from the kernel")
}
