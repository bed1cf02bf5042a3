/// Whole seconds since 1970-01-01T00:00:00Z, leap seconds ignored (RFC 7519 §2).
public typealias NumericDate = Int64

/// The port to time.
public protocol Clock: Sendable {
    /// Milliseconds since 1970 by the wall clock, which may be stepped in either direction.
    func wallMilliseconds() -> Int64
    /// Milliseconds since some moment, by a clock that nothing steps.
    func monotonicMilliseconds() -> Int64
    /// Nanoseconds by the same kind of clock, to tell how long something takes.
    func monotonicNanoseconds() -> Int64
}

extension Clock {
    /// Of a clock that knows no better.
    public func monotonicNanoseconds() -> Int64 { monotonicMilliseconds() * 1_000_000 }
    /// The wall clock as a NumericDate.
    public func now() -> NumericDate { wallMilliseconds() / 1000 }
}

/// The daemon's time of service in milliseconds, summed over its restarts: it stands still while the daemon does, and no step of the
/// wall clock moves it. The store keeps it. Grace windows are measured on it.
public struct ServiceTime: Sendable, Equatable {
    /// What the clock stood at when this process took it over.
    public let atStart: Int64
    public let now: Int64

    public init(atStart: Int64, now: Int64) {
        self.atStart = atStart
        self.now = now
    }

    /// Whether no more than `window` has passed since `moment`. A window that was still open at the restart starts anew with the
    /// process: neither the downtime nor a client's wait for it is held against the client.
    public func isWithin(_ window: Int64, of moment: Int64) -> Bool {
        let wasOpenAtStart = moment < atStart && atStart - moment <= window
        return now - (wasOpenAtStart ? atStart : moment) <= window
    }
}
