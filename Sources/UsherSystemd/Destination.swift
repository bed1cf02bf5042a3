import Glibc

extension Journal {
    /// Where events go.
    public enum Destination: Sendable {
        /// journald, with fields.
        case journal
        /// Standard error, a line each.
        case standardError

        /// The journal, where standard error is a stream into it (systemd.exec(5), `$JOURNAL_STREAM`): not where somebody has
        /// redirected it, and not in a shell that a service has started.
        public static func detected() -> Destination {
            isJournalStream(environment("JOURNAL_STREAM"), descriptor: 2) ? .journal : .standardError
        }

        /// Whether `descriptor` is the file that `variable` names, as `device:inode` in decimal.
        static func isJournalStream(_ variable: String?, descriptor: Int32) -> Bool {
            guard let parts = variable?.split(separator: ":", omittingEmptySubsequences: false), parts.count == 2,
                let device = UInt64(parts[0]), let inode = UInt64(parts[1])
            else { return false }
            var status = stat()
            return unsafe fstat(descriptor, &status) == 0 && UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
        }
    }
}
