/// How long requests took, in steps of 1, 2 and 5: fine enough for quantiles, and the same for all operations and for ever.
enum Latency {
    /// The upper ends of the steps, in nanoseconds; what is above the last has a step of its own.
    static let bounds: [Int64] = [
        500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
        10_000_000, 20_000_000, 50_000_000, 100_000_000, 200_000_000, 500_000_000, 1_000_000_000, 2_000_000_000,
        5_000_000_000, 10_000_000_000, 20_000_000_000,
    ]

    /// The number of the step that a time falls into.
    static func step(of nanoseconds: Int64) -> Int { bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count }
}
