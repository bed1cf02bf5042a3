public import UsherJSON
public import UsherModel

/// One operation of the protocol: what HELP says of it, and how it is carried out. `Registry.swift` lists them all.
public final class Operation: Sendable {
    /// In capitals; on the wire in any case.
    public let name: String
    /// One line.
    public let summary: String
    public let members: [Member]
    /// A request, as one line of JSON.
    public let example: String
    /// What it is called in the journal; nil if it is not worth an event.
    public let event: Event.Kind?
    public let place: Place
    public let run: Run

    init(
        name: String, summary: String, members: [Member], example: String, event: Event.Kind?, place: Place = .app, run: Run
    ) {
        self.name = name
        self.summary = summary
        self.members = members
        self.example = example
        self.event = event
        self.place = place
        self.run = run
    }

    /// The sockets, by who may open them.
    public enum Place: Sendable {
        /// Apps.
        case app
        /// Administrators; they may call here what apps may call there, too.
        case admin
    }

    /// Whether it may be called on that socket.
    public func isAllowed(at place: Place) -> Bool { self.place == .app || place == .admin }

    public struct Member: Sendable {
        public let name: String
        public let text: String

        init(_ name: String, _ text: String) {
            self.name = name
            self.text = text
        }
    }

    /// The two ways an operation is carried out.
    public enum Run: Sendable {
        /// At once, where the line was read: nothing in it may block. Writes the members that the reply adds.
        case immediate(
            @Sendable (_ request: borrowing JSONReader, _ line: Span<UInt8>, Rights, AuthService, inout JSONWriter)
                throws(UsherError) ->
                Void)
        /// Reads the request at once and answers when the hash pool or the store has.
        case deferred(
            @Sendable (_ request: borrowing JSONReader, _ line: Span<UInt8>, Rights, AuthService) throws(UsherError) ->
                any DeferredRequest)
    }
}

/// A request that has been read and needs the hash pool or the store.
public protocol DeferredRequest: Sendable {
    /// Runs on the reactor; what it awaits runs elsewhere.
    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output
}

/// What a deferred request's reply adds to `{"ok":true`.
public protocol Output: Sendable {
    func write(to writer: inout JSONWriter)
}

/// One request under way: who asks, and, as it becomes known, whom it is about. Belongs to the reactor.
public final class Attempt {
    public let caller: Caller
    /// The end user, for the journal and the session list.
    public var client = Client()
    /// The account that the request turned out to be about.
    public var user: User?
    /// What its reply tells of the attempts that are left; nil if it tells nothing.
    public var allowance: Allowance?
    /// What kind of event it turned out to be, where that is another one than its operation's, or that is none.
    public var finding: Event.Kind?
    /// What the journal says beyond the result.
    public var remark: String?
    /// What it has changed of the account, for the journal.
    public var change: Event.Change?
    /// Whether nothing came of it, though it was granted.
    public var isWithoutEffect = false

    public init(caller: Caller) { self.caller = caller }
}
