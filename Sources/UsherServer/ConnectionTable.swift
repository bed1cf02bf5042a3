import UsherModel
import UsherOperations

/// The connections that are open, by descriptor, and how many each peer uid has.
struct ConnectionTable: ~Copyable {
    private var connections: [Connection?] = []
    private var countOfUID: [UInt32: Int] = [:]
    private var nextSerial: UInt32 = 1
    private(set) var count = 0
    /// The same connections, for administrators.
    let list = ConnectionList()

    /// Connections of one peer uid.
    func count(of uid: UInt32) -> Int { countOfUID[uid, default: 0] }

    mutating func add(
        _ descriptor: Int32, _ caller: Caller, _ socket: String, _ rights: Rights, at now: Int64
    ) -> Connection {
        let connection = Connection(
            id: ConnectionID(descriptor: descriptor, serial: nextSerial), caller: caller, socket: socket, rights: rights,
            since: now)
        // Serial numbers wrap after four thousand million connections; 0 is the listeners'.
        nextSerial = nextSerial == .max ? 1 : nextSerial + 1
        let index = Int(descriptor)
        if index >= connections.count { connections += Array(repeating: nil, count: index + 64 - connections.count) }
        connections[index] = connection
        countOfUID[caller.peer.uid, default: 0] += 1
        count += 1
        list.add(connection)
        return connection
    }

    func find(_ id: ConnectionID) -> Connection? {
        let index = Int(id.descriptor)
        guard connections.indices.contains(index), let connection = connections[index], connection.id == id else { return nil }
        return connection
    }

    /// - Returns: whether it was there.
    mutating func remove(_ connection: Connection) -> Bool {
        guard connection.isOpen else { return false }
        connection.isOpen = false
        connections[Int(connection.id.descriptor)] = nil
        let uid = connection.caller.peer.uid
        let left = count(of: uid) - 1
        countOfUID[uid] = left == 0 ? nil : left
        count -= 1
        connection.rights.leave()
        list.remove(connection)
        return true
    }

    var all: [Connection] { connections.compactMap(\.self) }
}
