import UsherModel
import UsherOperations

/// The connections as administrators see them, and those among them that watch events. Apart from the table that each request goes
/// through, since operations look at it while the engine is at work.
final class ConnectionList: Connections {
    /// By descriptor.
    private var connections: [Connection?] = []
    private(set) var count = 0
    private(set) var accepted = 0
    private(set) var turnedAway = 0
    private(set) var watchers: [Connection] = []
    /// Nobody begins to watch any more: whoever did would be waited for until the time for draining is over.
    private var isDraining = false

    func add(_ connection: Connection) {
        let index = Int(connection.id.descriptor)
        if index >= connections.count { connections += Array(repeating: nil, count: index + 64 - connections.count) }
        connections[index] = connection
        count += 1
        accepted += 1
    }

    func remove(_ connection: Connection) {
        connections[Int(connection.id.descriptor)] = nil
        count -= 1
        stopWatching(connection)
    }

    func turnAway() { turnedAway += 1 }

    // MARK: Watching

    var watching: Int { watchers.count }

    /// Told when the first begins to watch, and when the last has ceased to.
    var watchingChanged: (_ isWatched: Bool) -> Void = { _ in }

    func watch(_ caller: Caller) throws(UsherError) {
        guard !isDraining else { throw UsherError(.shuttingDown) }
        // One that is gone watches nothing.
        guard let connection = connections.lazy.compactMap({ $0 }).first(where: { $0.caller === caller }),
            !connection.isWatching
        else { return }
        guard watching < Limits.watchers else {
            throw UsherError(
                .busy, "No more than \(Limits.watchers) connections may watch at a time.",
                detail: .retryAfterMilliseconds(1000))
        }
        connection.isWatching = true
        watchers.append(connection)
        if watching == 1 { watchingChanged(true) }
    }

    func stopWatching(_ connection: Connection) {
        guard connection.isWatching else { return }
        connection.isWatching = false
        watchers.removeAll { $0 === connection }
        if watchers.isEmpty { watchingChanged(false) }
    }

    /// Ends all watching, for good.
    func drain() {
        isDraining = true
        for connection in watchers { stopWatching(connection) }
    }

    // MARK: Telling

    /// By descriptor: it stays while a connection is open.
    func page(after: Int, most: Int) -> ConnectionPage {
        var page: [Connection] = []
        for case let connection? in connections.dropFirst(after + 1) {
            guard page.count < most else {
                return ConnectionPage(connections: page.map(\.open), next: page.last.map { Int($0.id.descriptor) })
            }
            page.append(connection)
        }
        return ConnectionPage(connections: page.map(\.open), next: nil)
    }
}

extension Connection {
    fileprivate var open: OpenConnection {
        OpenConnection(
            caller: caller, socket: socket, since: since, requests: requests, inFlight: inFlight + heldCount,
            isWatching: isWatching)
    }
}
