import COpenSSL
import UsherModel

/// HMAC-SHA256 (RFC 2104) under a key whose two pads are hashed once: a message costs two copies of a state of 112 bytes and its own
/// hashing. Through EVP it costs a quarter more, most of it for allocating the same states, and far more where a key is used
/// once: what it finds by name it looks for each time.
@safe struct HMACSHA256: ~Copyable {
    private static let blockLength = 64
    private static let hashLength = 32

    /// After the inner pad, after the outer pad, and the one that works.
    private let states: UnsafeMutablePointer<SHA256_CTX>

    init(secret: borrowing SecretBytes) {
        unsafe states = .allocate(capacity: 3)
        unsafe states.initialize(repeating: SHA256_CTX(), count: 3)
        unsafe withUnsafeTemporaryAllocation(byteCount: Self.blockLength, alignment: 8) { block in
            for (index, pad) in [UInt8(0x36), 0x5c].enumerated() {
                unsafe block.initializeMemory(as: UInt8.self, repeating: 0)
                secret.withBytes { key in
                    unsafe key.withUnsafeBytes { key in
                        // A key that is longer than a block is its hash.
                        if key.count > Self.blockLength {
                            unsafe SHA256(key.baseAddress, key.count, block.baseAddress)
                        } else {
                            unsafe block.copyMemory(from: key)
                        }
                    }
                }
                for position in block.indices { unsafe block[position] ^= pad }
                unsafe SHA256_Init(states + index)
                unsafe SHA256_Update(states + index, block.baseAddress, block.count)
            }
            unsafe cleanse(block)
        }
    }

    deinit {
        unsafe cleanse(UnsafeMutableRawBufferPointer(start: states, count: 3 * MemoryLayout<SHA256_CTX>.stride))
        unsafe states.deallocate()
    }

    func mac(of message: Span<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.hashLength) { output, count in
            unsafe mac(of: message, into: UnsafeMutableBufferPointer(rebasing: output[..<Self.hashLength]))
            count = Self.hashLength
        }
    }

    /// Writes the MAC of `message` to `output`, of 32 bytes.
    func mac(of message: Span<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) {
        precondition(output.count == Self.hashLength)
        let work = unsafe states + 2
        unsafe work.pointee = states[0]
        unsafe message.withUnsafeBytes { _ = unsafe SHA256_Update(work, $0.baseAddress, $0.count) }
        unsafe SHA256_Final(output.baseAddress, work)
        unsafe work.pointee = states[1]
        unsafe SHA256_Update(work, output.baseAddress, output.count)
        unsafe SHA256_Final(output.baseAddress, work)
    }
}
