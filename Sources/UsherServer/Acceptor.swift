import CEpoll
import Glibc
import UsherModel
import UsherOperations

/// The listening sockets. When descriptors run out it looks away for a while instead of being told of the same connection again and again.
struct Acceptor: ~Copyable {
    private let epoll: Int32
    private let listeners: [Listener]
    private let clock: any Clock
    private let log: any EventLog
    /// When to look again; nil while it looks.
    private var pausedUntil: Int64?
    private var isOpen = false
    private var isClosed = false

    /// Listeners' events carry no serial number: that of a connection is never 0.
    init(epoll: Int32, listeners: [Listener], clock: any Clock, log: any EventLog) {
        self.epoll = epoll
        self.listeners = listeners
        self.clock = clock
        self.log = log
    }

    /// From now on connections are accepted.
    mutating func open() {
        isOpen = true
        watch(EPOLL_CTL_ADD, EPOLLIN.rawValue)
    }

    /// Whether an event is about a listener.
    func owns(_ data: UInt64) -> Bool {
        data >> 32 == 0 && listeners.contains { $0.descriptor == Int32(truncatingIfNeeded: data) }
    }

    /// Accepts what waits, at most `acceptsPerTurn`.
    mutating func accept(_ data: UInt64, _ adopt: (Int32, Listener) -> Void) {
        guard isOpen, pausedUntil == nil,
            let listener = listeners.first(where: { $0.descriptor == Int32(truncatingIfNeeded: data) })
        else { return }
        for _ in 0..<Limits.acceptsPerTurn {
            let descriptor = usher_accept(listener.descriptor)
            if descriptor >= 0 {
                adopt(descriptor, listener)
                continue
            }
            switch -descriptor {
            case EAGAIN: return
            case ECONNABORTED, EINTR, EPROTO, EPERM: continue
            default: return pause(because: -descriptor)
            }
        }
    }

    /// Milliseconds, monotonic, until it is to be asked to `resume`; nil if not at all.
    func wakeUp() -> Int64? { pausedUntil }

    /// Looks again, if the pause is over or something was freed meanwhile.
    mutating func resume(somethingFreed: Bool) {
        guard isOpen, let until = pausedUntil, somethingFreed || clock.monotonicMilliseconds() >= until else { return }
        pausedUntil = nil
        watch(EPOLL_CTL_MOD, EPOLLIN.rawValue)
    }

    /// Accepts no more. Connections that wait at a socket made here are taken in first, since nobody else will, unless it was never open;
    /// those at an inherited one are the next process's.
    mutating func close(_ adopt: (Int32, Listener) -> Void) {
        guard !isClosed else { return }
        isClosed = true
        if isOpen { watch(EPOLL_CTL_DEL, 0) }
        for listener in listeners where listener.path != nil {
            while isOpen, case let descriptor = usher_accept(listener.descriptor), descriptor >= 0 {
                adopt(descriptor, listener)
            }
            listener.remove()
        }
        isOpen = false
        pausedUntil = nil
    }

    private mutating func pause(because code: Int32) {
        pausedUntil = clock.monotonicMilliseconds() + Limits.acceptPause
        watch(EPOLL_CTL_MOD, 0)
        log.record(
            Event(
                .limit, .error,
                code == EMFILE || code == ENFILE
                    ? "connections cannot be accepted: \(errorText(code)); raise LimitNOFILE= or lower max_connections"
                    : "connections cannot be accepted: \(errorText(code))"))
    }

    private func watch(_ operation: Int32, _ interest: UInt32) {
        for listener in listeners {
            _ = usher_epoll_control(
                epoll, operation, listener.descriptor, interest, UInt64(UInt32(bitPattern: listener.descriptor)))
        }
    }
}
