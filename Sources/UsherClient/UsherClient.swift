/// A client of usherd: one connection, kept, made when it is first needed and made anew when the daemon restarted. Requests go one after
/// another, on a thread of the client's own.
///
/// A connection with a request that was not answered is closed and never used again, every request has an id that no other one has, and a reply
/// with another id closes the connection: a late reply cannot be taken for another one's. What became of a request when the connection is lost
/// is not known, so that only VERIFY, AUTHORIZE, PING and HELP, which change nothing, are sent again, once.
public actor UsherClient {
    private nonisolated let executor = ThreadExecutor(name: "usher-client")
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// The sockets of an installation.
    public static let usualPath = "/run/usher/usher.sock"
    public static let usualAdminPath = "/run/usher/admin.sock"

    private let path: String
    private let timeout: Duration
    private let reconnects: Bool
    /// One whose requests are all answered.
    private var connection: Connection?
    private var hasConnected = false
    private var watched: Connection?
    private var lastID: Int64 = 0

    /// - Parameters:
    ///   - timeout: how long a request may take from connecting to its reply, unless it has a time of its own.
    ///   - reconnects: false where requests build on those before them on the same connection (IMPORT): once the connection is lost, every
    ///     request is.
    public init(path: String = UsherClient.usualPath, timeout: Duration = .seconds(10), reconnects: Bool = true) {
        self.path = path
        self.timeout = timeout
        self.reconnects = reconnects
    }

    /// Sends a request and waits for its reply.
    /// - Returns: a reply that is `ok`.
    public func call(_ request: Request, timeout: Duration? = nil) throws(ClientFailure) -> ReplyObject {
        let deadline = Deadline(after: timeout ?? self.timeout)
        return try answer(request, deadline)
    }

    /// Closes the connection. The next request makes another one.
    public func close() {
        connection = nil
        watched = nil
    }

    // MARK: Streams

    /// Sends a request whose reply is followed by more lines (MONITOR), for `nextEvent` to give out. They come on a connection of their own, but
    /// whoever waits for one keeps the client's other requests waiting: let a client that watches do nothing else.
    public func watch(_ request: Request) throws(ClientFailure) -> ReplyObject {
        connection = nil
        let reply = try answer(request, Deadline(after: timeout))
        watched = connection
        connection = nil
        return reply
    }

    /// Waits for the next line after `watch`, for as long as it takes, or until the task is cancelled.
    /// - Throws: what the last line says, where the daemon ends the stream with a refusal.
    public func nextEvent() throws(ClientFailure) -> ReplyObject {
        guard let watched else { throw .lost(LostConnection(.ended, "Nothing is watched.")) }
        let line: ReplyObject
        do throws(LostConnection) {
            line = try Self.parse(watched.readLine(deadline: .never))
        } catch {
            self.watched = nil
            throw .lost(error)
        }
        guard let refusal = Refusal(line) else { return line }
        self.watched = nil
        throw ClientFailure(refusal)
    }

    // MARK: One exchange

    private func answer(_ request: Request, _ deadline: Deadline) throws(ClientFailure) -> ReplyObject {
        let reply: ReplyObject
        do throws(LostConnection) {
            reply = try exchangeRepeating(request, deadline)
        } catch {
            throw .lost(error)
        }
        if reply.bool("ok") == true { return reply }
        guard let refusal = Refusal(reply) else {
            connection = nil
            throw .lost(LostConnection(.garbled, "The daemon's reply is neither granted nor refused."))
        }
        throw ClientFailure(refusal)
    }

    private func exchangeRepeating(_ request: Request, _ deadline: Deadline) throws(LostConnection) -> ReplyObject {
        do throws(LostConnection) {
            return try exchange(request, deadline)
        } catch {
            // One that took too long would take too long again, and what answers garbage is no daemon.
            guard error.reason == .ended, request.isRepeatable, reconnects else { throw error }
        }
        return try exchange(request, deadline)
    }

    private func exchange(_ request: Request, _ deadline: Deadline) throws(LostConnection) -> ReplyObject {
        let connection = try open(deadline)
        // Until the reply is there it is nobody's: whatever goes wrong, it is closed.
        self.connection = nil
        lastID += 1
        try connection.send(request.line(id: lastID), deadline: deadline)
        let reply = try Self.parse(connection.readLine(deadline: deadline))
        if reply.integer("id") == lastID {
            self.connection = connection
            return reply
        }
        // Who is turned away at the door, or sent too long a line, is answered without id. It grants nothing, and the connection is closed.
        guard !reply.has("id"), reply.bool("ok") == false else {
            throw LostConnection(.garbled, "The daemon's reply is not to what was asked.")
        }
        return reply
    }

    private func open(_ deadline: Deadline) throws(LostConnection) -> Connection {
        if let connection, connection.isQuiet { return connection }
        guard reconnects || !hasConnected else { throw LostConnection(.ended, "The daemon closed the connection.") }
        let connection = try Connection(path: path, deadline: deadline)
        hasConnected = true
        return connection
    }

    private static func parse(_ line: [UInt8]) throws(LostConnection) -> ReplyObject {
        guard let reply = ReplyObject(parsing: line) else {
            throw LostConnection(.garbled, "What the daemon's socket answers is no reply.")
        }
        return reply
    }
}
