/// So many requests in so much time: `1000/s`, `30/m`.
public struct Rate: Sendable, Equatable {
    public let count: Int64
    /// In milliseconds.
    public let period: Int64

    private static let periods: [(unit: String, length: Int64)] = [("s", 1000), ("m", 60_000), ("h", 3_600_000)]

    /// Nil for what is not 1 to 1,000,000 a second, minute or hour.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int64(parts[0]),
            (1...1_000_000).contains(count), let period = Self.periods.first(where: { $0.unit == parts[1] })
        else { return nil }
        (self.count, self.period) = (count, period.length)
    }

    public var text: String { "\(count)/\(Self.periods.first { $0.length == period }?.unit ?? "")" }
}

/// What of a rate is left: at most its whole count at once, and it comes back evenly.
struct RateBucket {
    private let rate: Rate
    /// A request costs the period: then what comes back in a millisecond is the count, a whole number.
    private var credit: Int64
    private var moment: Int64

    init(_ rate: Rate, at now: Int64) {
        self.rate = rate
        credit = rate.count * rate.period
        moment = now
    }

    /// Takes one request.
    /// - Parameter now: monotonic, in milliseconds.
    /// - Returns: nil, or after how many milliseconds there is one to be had.
    mutating func take(at now: Int64) -> Int64? {
        credit = min(credit + min(max(now - moment, 0), rate.period) * rate.count, rate.count * rate.period)
        moment = now
        guard credit < rate.period else {
            credit -= rate.period
            return nil
        }
        return (rate.period - credit + rate.count - 1) / rate.count
    }
}
