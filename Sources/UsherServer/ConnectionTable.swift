import UsherModel
import UsherOperations

/// The connections that are open, by descriptor, and how many each peer uid has.
final class ConnectionTable: Connections {
    private var connections: [Connection?] = []
    private var countOfUID: [UInt32: Int] = [:]
    private var nextSerial: UInt32 = 1
    private(set) var count = 0
    private(set) var accepted = 0
    var turnedAway = 0
    /// Those that are sent events.
    private(set) var watchers: [Connection] = []

    /// Connections of one peer uid.
    func count(of uid: UInt32) -> Int { countOfUID[uid, default: 0] }

    func add(_ descriptor: Int32, _ caller: Caller, at now: Int64) -> Connection {
        let connection = Connection(id: ConnectionID(descriptor: descriptor, serial: nextSerial), caller: caller, since: now)
        // Serial numbers wrap after four thousand million connections; 0 is the listeners'.
        nextSerial = nextSerial == .max ? 1 : nextSerial + 1
        let index = Int(descriptor)
        if index >= connections.count { connections += Array(repeating: nil, count: index + 64 - connections.count) }
        connections[index] = connection
        countOfUID[caller.peer.uid, default: 0] += 1
        count += 1
        accepted += 1
        return connection
    }

    func find(_ id: ConnectionID) -> Connection? {
        let index = Int(id.descriptor)
        guard connections.indices.contains(index), let connection = connections[index], connection.id == id else { return nil }
        return connection
    }

    /// - Returns: whether it was there.
    func remove(_ connection: Connection) -> Bool {
        guard find(connection.id) != nil else { return false }
        connections[Int(connection.id.descriptor)] = nil
        let uid = connection.caller.peer.uid
        let left = count(of: uid) - 1
        countOfUID[uid] = left == 0 ? nil : left
        count -= 1
        stopWatching(connection)
        return true
    }

    var all: [Connection] { connections.compactMap(\.self) }

    // MARK: Watching

    var watching: Int { watchers.count }

    func watch(_ connection: Connection) {
        guard !connection.isWatching else { return }
        connection.isWatching = true
        watchers.append(connection)
    }

    func stopWatching(_ connection: Connection) {
        guard connection.isWatching else { return }
        connection.isWatching = false
        watchers.removeAll { $0 === connection }
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
            caller: caller, since: since, requests: requests, inFlight: inFlight + heldCount, isWatching: isWatching)
    }
}
