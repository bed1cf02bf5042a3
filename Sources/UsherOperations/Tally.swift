public import UsherModel

/// What was asked since the start, with which results, and how long it took. Belongs to the reactor: no locks, no atomics, and what VERIFY
/// adds to it is a few instructions.
///
/// Operations go by their numbers, which are their places in `Registry.operations`; one past the last stands for lines that name none.
@safe public final class Tally {
    private let codes = UsherError.Code.allCases
    private let operations = Registry.operations.count + 1
    /// Requests that were granted, by operation; plain memory, since an array is checked at each use.
    private let granted: UnsafeMutablePointer<Int64>
    /// Requests that were refused, by operation and code.
    private let refused: UnsafeMutablePointer<Int64>
    /// How many requests of an operation go by until one is timed.
    private let untilTimed: UnsafeMutablePointer<Int32>
    /// Of the requests that were timed, by operation.
    private var times: [Times]
    /// Deferred requests that are under way, those of clients that are gone included.
    public private(set) var inFlight = 0

    /// How long the timed requests of an operation took.
    struct Times {
        var count = 0
        /// In nanoseconds.
        var sum: Int64 = 0
        /// How many of them each step of `Latency` has.
        var steps = [Int64](repeating: 0, count: Latency.bounds.count + 1)
    }

    init() {
        unsafe granted = Self.zeros(operations)
        unsafe refused = Self.zeros(operations * codes.count)
        unsafe untilTimed = .allocate(capacity: operations)
        // The first of all is timed.
        unsafe untilTimed.initialize(repeating: 1, count: operations)
        times = Array(repeating: Times(), count: operations)
    }

    deinit {
        unsafe granted.deallocate()
        unsafe refused.deallocate()
        unsafe untilTimed.deallocate()
    }

    private static func zeros(_ count: Int) -> UnsafeMutablePointer<Int64> {
        let memory = UnsafeMutablePointer<Int64>.allocate(capacity: count)
        unsafe memory.initialize(repeating: 0, count: count)
        return unsafe memory
    }

    // MARK: Counting

    /// What stands for lines that name no operation.
    public var unknown: Int { operations - 1 }

    /// Whether this request of an operation that is answered at once is to be timed.
    public func isTimed(_ operation: Int) -> Bool {
        unsafe untilTimed[operation] &-= 1
        guard unsafe untilTimed[operation] == 0 else { return false }
        unsafe untilTimed[operation] = Limits.timedRequests
        return true
    }

    public func countGranted(_ operation: Int) { unsafe granted[operation] &+= 1 }

    public func countRefused(_ operation: Int, _ code: UsherError.Code) {
        guard let index = codes.firstIndex(of: code) else { return }
        unsafe refused[operation * codes.count + index] &+= 1
    }

    public func time(_ operation: Int, _ nanoseconds: Int64) {
        times[operation].count += 1
        times[operation].sum += nanoseconds
        times[operation].steps[Latency.step(of: nanoseconds)] += 1
    }

    /// A deferred request begins.
    public func begin() { inFlight += 1 }
    /// It has been answered.
    public func end() { inFlight -= 1 }

    // MARK: Telling

    /// What came of the requests of one operation.
    struct Line {
        /// Nil for lines that name none.
        let operation: Operation?
        /// By result, `ok` first; those that never came are left out, but for `ok`.
        let results: [(name: String, count: Int64)]
        let times: Times

        var requests: Int64 { results.reduce(0) { $0 + $1.count } }
        var name: String { operation?.name ?? "unknown" }
    }

    /// A line for each operation, and one for what names none.
    var lines: [Line] {
        (0..<operations).map { number in
            var results: [(name: String, count: Int64)] = [("ok", unsafe granted[number])]
            for (index, code) in codes.enumerated() {
                let count = unsafe refused[number * codes.count + index]
                if count > 0 { results.append((code.rawValue, count)) }
            }
            return Line(
                operation: number == unknown ? nil : Registry.operations[number], results: results, times: times[number])
        }
    }
}
