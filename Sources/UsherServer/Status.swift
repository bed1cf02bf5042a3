import UsherModel

/// What the daemon is doing, in the line that `systemctl status` shows: `42 connections, 3 hashing, 18,201 verified`; what is wrong
/// comes first.
struct Status: Equatable {
    var connections = 0
    /// Passwords that are being hashed or wait for it.
    var hashing = 0
    /// Tokens that VERIFY and AUTHORIZE have found good since the start.
    var verified = 0
    var store = StoreHealth.working
    /// Since when the hash pool has brought nothing forth, in monotonic milliseconds, if that is too long.
    var hungSince: Int64?
    var isDraining = false
    /// What the operator is to know of the last run, or of the last reload.
    var remark: String?

    /// Whether the line would be another one though nothing has happened but the time.
    var changesWithTime: Bool {
        if case .stalled = store { return true }
        return hungSince != nil
    }

    func text(at now: Int64) -> String {
        var parts: [String] = []
        if isDraining { parts.append("draining") }
        if let remark { parts.append(remark) }
        if let hungSince { parts.append("hashing has hung for \((now - hungSince) / 1000) s") }
        switch store {
        case .working: break
        case .stalled(let since): parts.append("store stalled for \((now - since) / 1000) s")
        case .unavailable(let cause): parts.append("store unavailable: \(cause)")
        }
        parts.append(
            "\(connections.grouped) connection\(connections == 1 ? "" : "s"), \(hashing.grouped) hashing, \(verified.grouped) verified"
        )
        return parts.joined(separator: "; ")
    }
}
