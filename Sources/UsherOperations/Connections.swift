public import UsherModel

/// The port to the server's connections, for what the daemon says of itself. Belongs to the reactor.
public protocol Connections: AnyObject {
    /// Connections that are open.
    var count: Int { get }
    /// Connections that were taken up since the start, and those that were turned away.
    var accepted: Int { get }
    var turnedAway: Int { get }
    /// Connections that watch events.
    var watching: Int { get }

    /// Sends events to a connection from now on, until it is closed.
    /// - Throws: `busy` if as many watch as may.
    func watch(_ caller: Caller) throws(UsherError)

    /// - Parameter after: the `next` of the page before; -1 for the first one.
    func page(after: Int, most: Int) -> ConnectionPage
}

/// Some of the connections, in an order that stays.
public struct ConnectionPage {
    public let connections: [OpenConnection]
    /// What the next page comes after; nil if this is the last one.
    public let next: Int?

    public init(connections: [OpenConnection], next: Int?) {
        self.connections = connections
        self.next = next
    }
}

/// A connection as an administrator sees it.
public struct OpenConnection {
    public let caller: Caller
    /// The name of the socket that it came in by.
    public let socket: String
    /// When it was taken up, in monotonic milliseconds.
    public let since: Int64
    /// Requests that came so far, and those of them that are still to be answered.
    public let requests: Int
    public let inFlight: Int
    public let isWatching: Bool

    public init(caller: Caller, socket: String, since: Int64, requests: Int, inFlight: Int, isWatching: Bool) {
        self.caller = caller
        self.socket = socket
        self.since = since
        self.requests = requests
        self.inFlight = inFlight
        self.isWatching = isWatching
    }
}
