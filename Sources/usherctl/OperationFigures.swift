import UsherClient
import UsherModel

/// What STATUS counts of one operation since the daemon's start.
struct OperationFigures {
    let name: String
    let requests: Int64
    /// Those that were not granted.
    let refused: Int64
    /// How many of the requests that were timed took how long, by the steps of the bounds; the last one is of those beyond them all.
    let steps: [Int64]

    init?(_ object: ReplyObject) {
        guard let name = object.string("op"), let requests = object.integer("requests") else { return nil }
        self.name = HumanText.printable(name)
        self.requests = Self.count(requests)
        let granted = Self.count(object.object("results")?.integer("ok") ?? 0)
        refused = max(self.requests - granted, 0)
        steps = (object.rawElements("latency") ?? []).map { Self.count(Int64(String(decoding: $0, as: UTF8.self)) ?? 0) }
    }

    /// What no daemon counts is not believed: it could not be reckoned with.
    private static func count(_ number: Int64) -> Int64 { min(max(number, 0), 1 << 53) }

    /// What was counted since `before`.
    func since(_ before: OperationFigures?) -> OperationFigures {
        // A daemon that started in between counts from nothing.
        guard let before, before.requests <= requests, before.steps.count == steps.count else { return self }
        return OperationFigures(
            name: name, requests: requests - before.requests, refused: max(refused - before.refused, 0),
            steps: zip(steps, before.steps).map { max($0 - $1, 0) })
    }

    private init(name: String, requests: Int64, refused: Int64, steps: [Int64]) {
        self.name = name
        self.requests = requests
        self.refused = refused
        self.steps = steps
    }

    /// What the given share of the requests took at most, as far as the steps tell it.
    /// - Parameter bounds: in nanoseconds.
    func latency(_ share: Double, _ bounds: [Int64]) -> String {
        let total = steps.reduce(0, &+)
        guard total > 0, !bounds.isEmpty else { return "-" }
        var seen: Int64 = 0
        for (count, bound) in zip(steps, bounds) {
            seen &+= count
            if Double(seen) >= share * Double(total) { return Self.span(bound) }
        }
        return ">" + Self.span(bounds[bounds.count - 1])
    }

    /// Nanoseconds, as people say it: `750 ns`, `2.1 us`, `48 ms`.
    private static func span(_ nanoseconds: Int64) -> String {
        var (number, unit) = (Double(nanoseconds), "ns")
        for larger in ["us", "ms", "s"] where number >= 1000 {
            number /= 1000
            unit = larger
        }
        let tenths = Int((number * 10).rounded())
        return tenths < 100 && tenths % 10 != 0 ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\((tenths + 5) / 10) \(unit)"
    }
}

/// A reply to STATUS.
struct DaemonStatus {
    let reply: ReplyObject
    /// In nanoseconds.
    let bounds: [Int64]
    let operations: [OperationFigures]

    init(_ reply: ReplyObject) {
        self.reply = reply
        bounds = (reply.rawElements("latency_bounds_ns") ?? []).map { Int64(String(decoding: $0, as: UTF8.self)) ?? 0 }
        operations = (reply.objects("operations") ?? []).compactMap { OperationFigures($0) }
    }
}
