extension Event {
    /// What it says besides its message, by name: what the journal has as `USHER_OP`, MONITOR has as `op`.
    public var fields: [(name: String, value: String)] {
        let fields: [(String, String?)] = [
            ("op", op),
            ("result", result),
            ("user", user),
            ("user_id", userID?.description),
            ("peer_uid", (peer?.uid ?? peerUID).map { String($0) }),
            ("peer_name", peerName),
            ("peer_pid", peer.map { String($0.pid) }),
            ("client_ip", clientAddress?.description),
            ("request", request),
            ("count", count.map { String($0) }),
            ("before", change?.before),
            ("after", change?.after),
            ("changed", changed.isEmpty ? nil : changed.joined(separator: ",")),
            ("pending", pending.isEmpty ? nil : pending.joined(separator: ",")),
        ]
        return fields.compactMap { name, value in value.map { (name, $0) } }
    }
}

extension Event.Kind {
    /// Its word on the wire: `refresh_reuse`.
    public var name: String {
        rawValue.reduce(into: "") { name, character in
            name += character.isUppercase ? "_\(character.lowercased())" : String(character)
        }
    }
}

extension Event.Priority {
    /// The name that syslog(3) has for it.
    public var name: String {
        switch self {
        case .critical: "crit"
        case .error: "err"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }
}
