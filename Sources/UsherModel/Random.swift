/// The port to unpredictable bits.
public protocol RandomSource: Sendable {
    /// 64 bits that nobody can guess.
    func word() -> UInt64
    /// Bytes that nobody can guess.
    func secret(count: Int) -> SecretBytes
}

extension UUIDv7 {
    public init(clock: some Clock, random: some RandomSource) {
        self.init(milliseconds: clock.wallMilliseconds(), random: (random.word(), random.word()))
    }
}
