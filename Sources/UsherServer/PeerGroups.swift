import CEpoll
import UsherModel
import UsherOperations

/// The supplementary groups of who is at the other end of a connection (SO_PEERGROUPS), as they were when it connected.
enum PeerGroups {
    /// Nil if the kernel does not tell.
    static func of(_ descriptor: Int32) -> [UInt32]? {
        var groups: [UInt32] = Array(repeating: 0, count: 64)
        while true {
            let count = unsafe usher_peer_groups(descriptor, &groups, Int32(groups.count))
            guard count >= 0 else { return nil }
            guard count > groups.count else { return Array(groups.prefix(Int(count))) }
            groups = Array(repeating: 0, count: Int(count))
        }
    }
}

extension Rules {
    /// Nil if it cannot be told who it is.
    func rights(of caller: Caller, by descriptor: Int32, on socket: String) -> Rights? {
        let groups = concernGroups ? PeerGroups.of(descriptor) : []
        return groups.map { rights(of: caller.peer, groups: $0, on: socket, at: caller.place) }
    }
}
