import CEpoll
import Glibc
import Synchronization
import UsherThreads

/// Runs the reactor's jobs on the reactor's own thread. It is a task executor besides a serial one, so that what an operation awaits resumes
/// here and not on Swift's pool.
final class EpollExecutor: SerialExecutor, TaskExecutor {
    private let jobs = Lock<[UnownedJob]>([])
    private let asleep = Atomic<Bool>(false)
    private let thread = Atomic<UInt>(0)
    /// Readable when a job came while the reactor slept. Registered edge-triggered, and never read.
    let wakeDescriptor: Int32

    init(wakeDescriptor: Int32) { self.wakeDescriptor = wakeDescriptor }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        if asleep.exchange(false, ordering: .sequentiallyConsistent) { usher_eventfd_post(wakeDescriptor) }
    }

    func isSameExclusiveExecutionContext(other: EpollExecutor) -> Bool { other === self }
    func isIsolatingCurrentContext() -> Bool? { thread.load(ordering: .relaxed) == UInt(pthread_self()) }
    func checkIsolated() { precondition(isIsolatingCurrentContext() == true, "not on the reactor's thread") }

    /// From now on the calling thread is the reactor's.
    func adoptThread() { thread.store(UInt(pthread_self()), ordering: .relaxed) }

    /// The jobs that wait. Sleep is announced before they are looked for: a job that comes after the look sees the announcement and
    /// posts.
    func take() -> [UnownedJob] {
        asleep.store(true, ordering: .sequentiallyConsistent)
        let batch = jobs.withLock { waiting in
            let batch = waiting
            if !batch.isEmpty { waiting = [] }
            return batch
        }
        if !batch.isEmpty { woke() }
        return batch
    }

    func woke() { asleep.store(false, ordering: .relaxed) }

    func run(_ batch: [UnownedJob]) {
        for job in batch {
            unsafe job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
    }
}
