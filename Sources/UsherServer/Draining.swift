import CEpoll
import Glibc

// The end.
extension Engine {
    /// Nothing more is taken in; what has reached the sockets is answered, then each connection is closed.
    mutating func drain() {
        connections.list.drain()
        for connection in connections.all {
            // A line that is cut short here, and not by its client, is no request.
            if usher_peer_has_finished(connection.id.descriptor) == 0 { connection.hasTakenRest = true }
            // What the client had sent stays readable, and its next write fails.
            shutdown(connection.id.descriptor, Int32(SHUT_RD))
            (connection.isReadable, connection.isReadToEnd) = (true, true)
            enqueue(connection)
        }
    }

    mutating func dropAll() {
        for connection in connections.all { drop(connection) }
    }
}
