import Glibc
import UsherModel

/// The machine's clocks.
struct SystemClock: Clock {
    /// As of the last tick, some milliseconds ago at most: VERIFY asks each time, and tokens know seconds.
    func wallMilliseconds() -> Int64 { nanoseconds(CLOCK_REALTIME_COARSE) / 1_000_000 }
    /// It goes on while the machine sleeps: what a grace window is measured by.
    func monotonicMilliseconds() -> Int64 { nanoseconds(CLOCK_BOOTTIME) / 1_000_000 }
    /// It stands still while the machine sleeps: no request took that long.
    func monotonicNanoseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }

    private func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
