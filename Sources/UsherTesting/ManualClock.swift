public import UsherModel
import UsherThreads

/// A clock that stands still until it is moved.
public final class ManualClock: Clock {
    private let times: Lock<(wall: Int64, monotonic: Int64)>

    /// - Parameters:
    ///   - wall: milliseconds since 1970.
    ///   - monotonic: milliseconds since some moment.
    public init(wall: Int64 = 1_700_000_000_000, monotonic: Int64 = 5_000) {
        times = Lock((wall, monotonic))
    }

    public func wallMilliseconds() -> Int64 { times.withLock { $0.wall } }
    public func monotonicMilliseconds() -> Int64 { times.withLock { $0.monotonic } }

    /// Lets time pass on both clocks.
    public func advance(milliseconds: Int64) {
        times.withLock {
            $0.wall += milliseconds
            $0.monotonic += milliseconds
        }
    }

    public func advance(seconds: Int64) { advance(milliseconds: seconds * 1000) }

    /// Steps the wall clock alone, in either direction.
    public func stepWall(milliseconds: Int64) { times.withLock { $0.wall += milliseconds } }
}
