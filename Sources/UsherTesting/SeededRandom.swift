public import UsherModel
import UsherThreads

/// Numbers that are the same for the same seed (SplitMix64). Unpredictable to nobody.
public final class SeededRandom: RandomSource {
    private let state: Lock<UInt64>

    public init(seed: UInt64 = 1) { state = Lock(seed) }

    public func word() -> UInt64 {
        state.withLock { state in
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word >> 31)
        }
    }

    public func words() -> (UInt64, UInt64) { (word(), word()) }

    public func secret(count: Int) -> SecretBytes {
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: word()) }
        return SecretBytes(copying: bytes.span)
    }
}
