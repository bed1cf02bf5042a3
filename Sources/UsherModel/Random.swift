/// The port to unpredictable bits.
public protocol RandomSource: Sendable {
    /// 64 bits that nobody can guess.
    func word() -> UInt64
    /// 128 bits, drawn at once: that costs as much as 64.
    func words() -> (UInt64, UInt64)
    /// Bytes that nobody can guess.
    func secret(count: Int) -> SecretBytes
}

extension UUIDv7 {
    public init(clock: some Clock, random: some RandomSource) {
        self.init(milliseconds: clock.wallMilliseconds(), random: random.words())
    }
}
