import Glibc
import UsherModel

/// The machine's clocks.
struct SystemClock: Clock {
    func wallMilliseconds() -> Int64 { milliseconds(CLOCK_REALTIME) }
    /// It goes on while the machine sleeps: what a grace window is measured by.
    func monotonicMilliseconds() -> Int64 { milliseconds(CLOCK_BOOTTIME) }

    private func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
