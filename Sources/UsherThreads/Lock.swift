import Glibc

/// A value behind a lock. Backed by pthreads, which ThreadSanitizer understands (it takes the standard library's Mutex for a race).
@safe public final class Lock<Value: Sendable>: @unchecked Sendable {
    // Sendable is sound: `value` is touched only between lock and unlock.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    // Whoever would have it twice waits for themselves instead.
    @exclusivity(unchecked) @usableFromInline var value: Value

    public init(_ value: Value) {
        unsafe self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    @inlinable public func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        lock()
        defer { unlock() }
        return unsafe try body(&value)
    }

    @usableFromInline func lock() { unsafe pthread_mutex_lock(mutex) }
    @usableFromInline func unlock() { unsafe pthread_mutex_unlock(mutex) }

    /// Holds the lock and waits on `condition` until `ready` gives something, or until the deadline of `milliseconds` from now.
    func wait<R>(for condition: Condition, atMost milliseconds: Int64?, _ ready: (inout Value) -> R?) -> R? {
        lock()
        defer { unlock() }
        var deadline = timespec()
        if let milliseconds = milliseconds.map({ max($0, 0) }) {
            unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = Int64(deadline.tv_nsec) + milliseconds % 1000 * 1_000_000
            deadline.tv_sec += Int(milliseconds / 1000 + nanoseconds / 1_000_000_000)
            deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
        }
        while true {
            if let result = unsafe ready(&value) { return result }
            if milliseconds == nil {
                unsafe pthread_cond_wait(condition.raw, mutex)
            } else if unsafe pthread_cond_timedwait(condition.raw, mutex, &deadline) == ETIMEDOUT {
                return unsafe ready(&value)
            }
        }
    }
}

/// A condition that threads wait for, on the monotonic clock.
@safe final class Condition: @unchecked Sendable {
    // Sendable is sound: a pthread condition is made for several threads.
    let raw: UnsafeMutablePointer<pthread_cond_t>

    init() {
        unsafe raw = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(raw, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(raw)
        unsafe raw.deallocate()
    }

    func signal() { unsafe pthread_cond_signal(raw) }
    func broadcast() { unsafe pthread_cond_broadcast(raw) }
}
