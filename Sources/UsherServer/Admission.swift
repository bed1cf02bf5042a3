import CEpoll
import Glibc
import UsherJSON
import UsherModel
import UsherOperations
import UsherWire

// Who is let in.
extension Engine {
    /// Takes up a connection that was accepted, or tells it that there are too many, or that it may not be there, and closes it.
    mutating func adopt(_ descriptor: Int32, from listener: Listener) {
        var peer = usher_peer()
        guard unsafe usher_peer_credentials(descriptor, &peer) == 0 else {
            close(descriptor)
            return
        }
        let caller = Caller(peer: Peer(uid: peer.uid, gid: peer.gid, pid: peer.pid), place: listener.place)
        // The file's mode keeps others out already; it is not all that stands between them and every password hash.
        guard caller.place == .app || peer.uid == 0 || peer.uid == geteuid() else {
            turnAway(
                descriptor, caller, UsherError(.forbiddenOp, "The admin socket is for root and the daemon's own user."),
                "a connection to the admin socket was turned away: it is for root and the daemon's own user")
            return
        }
        guard let rights = rules.rights(of: caller, by: descriptor, on: listener.name) else {
            close(descriptor)
            return
        }
        guard !rights.operations.isEmpty else {
            let error = rights.refusalOfAll
            turnAway(descriptor, caller, error, "a connection was turned away: \(error.cause ?? "")")
            return
        }
        let isFull = connections.count >= limits.connections || connections.count(of: peer.uid) >= limits.connectionsPerUID
        guard !isFull, rights.hasRoom(of: limits.connections) else {
            turnAway(
                descriptor, caller,
                UsherError(.busy, "There are too many connections; try again.", detail: .retryAfterMilliseconds(1000)),
                "a connection was turned away: there are too many\(isFull ? "" : " of \(rights.name)")")
            return
        }
        let now = service.clock.monotonicMilliseconds()
        let connection = connections.add(descriptor, caller, listener.name, rights, at: now)
        if !watch(connection, EPOLL_CTL_ADD) { drop(connection) }
    }

    private func turnAway(_ descriptor: Int32, _ caller: Caller, _ error: UsherError, _ remark: String) {
        connections.list.turnAway()
        var reply = JSONWriter()
        reply.writeFailure(error)
        let outbox = Outbox()
        _ = outbox.send(reply.bytes, 0..<reply.count, to: descriptor)
        // A close with something unread would cost the client the reply.
        shutdown(descriptor, Int32(SHUT_RD))
        while case .bytes = scratch[0].receive(descriptor, most: Limits.bytesPerTurn) { scratch[0].clear() }
        close(descriptor)
        if service.log.threshold >= .notice {
            service.log.record(
                Event(
                    error.code == .busy ? .limit : .refused, .notice, remark, result: error.code.rawValue, peer: caller.peer))
        }
    }
}
