public import UsherModel
public import UsherOperations

/// How settings are read anew when SIGHUP asks for it.
public struct Reload: Sendable {
    /// Tells the supervisor that it begins.
    let begin: @Sendable () -> Void
    /// Reads all that there is to read, on a thread of its own: it may block. Two calls never overlap.
    let read: @Sendable () -> sending Outcome
    /// Tells the supervisor that what was read is in force, or what was before, and what the daemon is doing.
    let end: @Sendable (_ status: String) -> Void

    public init(
        begin: @escaping @Sendable () -> Void, read: @escaping @Sendable () -> sending Outcome,
        end: @escaping @Sendable (_ status: String) -> Void
    ) {
        self.begin = begin
        self.read = read
        self.end = end
    }

    public struct Outcome {
        /// What is to be put in force; nil if what was read is no good.
        let settings: Settings?
        let event: Event
        /// What the status is to say until the next reload; nil if there is nothing to be done about it.
        let remark: String?

        public init(settings: Settings?, event: Event, remark: String?) {
            self.settings = settings
            self.event = event
            self.remark = remark
        }
    }

    public struct Settings {
        let service: ServiceSettings
        /// Puts in force what the reactor does not know of; must not block.
        let adoptElsewhere: @Sendable () -> Void

        public init(service: ServiceSettings, adoptElsewhere: @escaping @Sendable () -> Void) {
            self.service = service
            self.adoptElsewhere = adoptElsewhere
        }
    }
}
