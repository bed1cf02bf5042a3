import CPlatform
import Glibc

/// A thread of our own: for work that blocks, which Swift's cooperative pool must never be given.
public final class Thread: @unchecked Sendable {
    // Sendable is sound: `raw` is written before the initialiser returns and only read after; `isJoined` is written by the one who joins,
    // and read when nobody holds the thread any more.
    private var raw = pthread_t()
    private var isJoined = false

    private final class Start {
        let name: String
        let niceness: Int32
        let body: @Sendable () -> Void
        init(name: String, niceness: Int32, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.niceness = niceness
            self.body = body
        }
    }

    /// - Parameters:
    ///   - name: at most 15 bytes, as `ps -L` shows it.
    ///   - niceness: added to that of the calling thread (nice(2)); 0 leaves it.
    public init(name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(name: name, niceness: niceness, body: body))
        let failure = unsafe pthread_create(
            &raw, nil,
            { argument in
                let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                unsafe usher_name_thread(start.name)
                // On Linux this is the calling thread's alone.
                if start.niceness != 0 { _ = nice(start.niceness) }
                start.body()
                return nil
            }, start.toOpaque())
        if failure != 0 { fatalError("no thread can be started: error \(failure); the limit of processes may be too low") }
    }

    /// A thread that nobody joins frees what the system keeps of it by itself.
    deinit {
        if !isJoined { pthread_detach(raw) }
    }

    /// Blocks until the thread has ended. Once.
    public func join() {
        isJoined = true
        pthread_join(raw, nil)
    }
}
