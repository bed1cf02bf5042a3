extension Reactor {
    /// What the supervisor of the daemon is told.
    public struct Hooks: Sendable {
        let ready: @Sendable (_ revocations: Int) -> Void
        let stopping: @Sendable (_ connections: Int) -> Void
        /// Takes a line on what the daemon is doing, and says whether it was told. Nil where nobody wants to know.
        let status: (@Sendable (String) -> Bool)?
        let watchdog: Watchdog?
        /// Nil where SIGHUP is to change nothing.
        let reload: Reload?
        /// What the status is to say until the first reload.
        let remark: String?

        public init(
            ready: @escaping @Sendable (_ revocations: Int) -> Void, stopping: @escaping @Sendable (_ connections: Int) -> Void,
            status: (@Sendable (String) -> Bool)? = nil, watchdog: Watchdog? = nil, reload: Reload? = nil,
            remark: String? = nil
        ) {
            self.ready = ready
            self.stopping = stopping
            self.status = status
            self.watchdog = watchdog
            self.reload = reload
            self.remark = remark
        }
    }
}
