import CEpoll
import Glibc
public import UsherModel

/// SIGTERM and SIGINT ask the daemon to stop, SIGHUP to read its settings anew.
public enum Signals {
    /// Blocks them for this and all later threads, and ignores SIGPIPE.
    /// - Returns: a descriptor that reads them.
    public static func block() throws(StartFailure) -> Int32 {
        let descriptor = usher_signalfd()
        guard descriptor >= 0 else { throw StartFailure("signalfd: \(errorText(-descriptor))") }
        return descriptor
    }
}
