public import UsherModel

/// What was asked since the start, with which results, and how long it took. Belongs to the reactor: no locks, no atomics, and what VERIFY
/// adds to it is a few instructions.
///
/// Operations go by their numbers, which are their places in `Registry.operations`; one past the last stands for lines that name none.
@safe public final class Tally {
    private let codes = UsherError.Code.allCases
    private let operations = Registry.operations.count + 1
    /// By operation. Plain memory, since an array is checked at each use.
    @usableFromInline let rows: UnsafeMutablePointer<Row>
    /// Requests that were refused, by operation and code.
    private let refused: UnsafeMutablePointer<Int64>
    /// Of the requests that were timed, by operation.
    private var times: [Times]
    /// Deferred requests that are under way, those of clients that are gone included.
    public private(set) var inFlight = 0

    @usableFromInline struct Row {
        /// Requests that were granted.
        @usableFromInline var granted: Int64 = 0
        /// How many of those that are answered at once go by until one is timed: the first of all is.
        @usableFromInline var untilTimed: Int64 = 1
    }

    /// How long the timed requests of an operation took.
    struct Times {
        var count = 0
        /// In nanoseconds.
        var sum: Int64 = 0
        /// How many of them each step of `Latency` has.
        var steps = [Int64](repeating: 0, count: Latency.bounds.count + 1)
    }

    init() {
        unsafe rows = .allocate(capacity: operations)
        unsafe rows.initialize(repeating: Row(), count: operations)
        unsafe refused = .allocate(capacity: operations * codes.count)
        unsafe refused.initialize(repeating: 0, count: operations * codes.count)
        times = Array(repeating: Times(), count: operations)
    }

    deinit {
        unsafe rows.deallocate()
        unsafe refused.deallocate()
    }

    // MARK: Counting

    /// What stands for lines that name no operation.
    public var unknown: Int { operations - 1 }

    /// Whether this request of an operation that is answered at once is to be timed.
    @inlinable public func isTimed(_ operation: Int) -> Bool {
        unsafe rows[operation].untilTimed &-= 1
        return unsafe rows[operation].untilTimed == 0 && beginInterval(operation)
    }

    @usableFromInline func beginInterval(_ operation: Int) -> Bool {
        unsafe rows[operation].untilTimed = Limits.timedRequests
        return true
    }

    @inlinable public func countGranted(_ operation: Int) { unsafe rows[operation].granted &+= 1 }

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
            var results: [(name: String, count: Int64)] = [("ok", unsafe rows[number].granted)]
            for (index, code) in codes.enumerated() {
                let count = unsafe refused[number * codes.count + index]
                if count > 0 { results.append((code.rawValue, count)) }
            }
            return Line(
                operation: number == unknown ? nil : Registry.operations[number], results: results, times: times[number])
        }
    }
}
