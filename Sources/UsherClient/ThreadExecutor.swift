import UsherThreads

/// Runs an actor on a thread of its own, so that what it does may block: Swift's cooperative pool must never be given such work.
final class ThreadExecutor: SerialExecutor {
    private struct Queue {
        // With each job its executor, which lives as long as it has something to run.
        var jobs: [(UnownedJob, ThreadExecutor)] = []
        var isOver = false
    }

    private enum Turn {
        case jobs([(UnownedJob, ThreadExecutor)])
        case over
    }

    private let queue: Mailbox<Queue>

    init(name: String) {
        let queue = Mailbox(Queue())
        self.queue = queue
        _ = Thread(name: name) { Self.run(queue) }
    }

    deinit { queue.change { $0.isOver = true } }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.change { $0.jobs.append((job, self)) }
    }

    private static func run(_ queue: Mailbox<Queue>) {
        while true {
            let turn: Turn = queue.wait { state in
                if state.jobs.isEmpty { return state.isOver ? .over : nil }
                defer { state.jobs = [] }
                return .jobs(state.jobs)
            }
            switch turn {
            case .jobs(let jobs):
                for (job, executor) in jobs { unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor()) }
            case .over: return
            }
        }
    }
}
