import UsherModel

/// The fields of an event's entry in the journal (systemd.journal-fields(7)), `NAME=value` each. Values are as they came: a field
/// travels with its length, so none can become two. MESSAGE, which journalctl shows as a line, is the event's text.
func fields(for event: Event) -> [[UInt8]] {
    var fields: [[UInt8]] = []
    func add(_ name: String, _ value: String?) {
        if let value { fields.append(Array("\(name)=\(value)".utf8)) }
    }
    add("MESSAGE", event.text)
    add("PRIORITY", String(event.priority.rawValue))
    add("SYSLOG_IDENTIFIER", "usherd")
    add("MESSAGE_ID", event.kind.messageID)
    add("USHER_OP", event.op)
    add("USHER_RESULT", event.result)
    add("USHER_USER", event.user)
    add("USHER_USER_ID", event.userID?.description)
    add("USHER_PEER_UID", (event.peer?.uid ?? event.peerUID).map { String($0) })
    add("USHER_PEER_PID", event.peer.map { String($0.pid) })
    add("USHER_CLIENT_IP", event.clientAddress?.description)
    add("USHER_REQUEST", event.request)
    add("USHER_COUNT", event.count.map { String($0) })
    add("USHER_BEFORE", event.change?.before)
    add("USHER_AFTER", event.change?.after)
    add("USHER_CHANGED", event.changed.isEmpty ? nil : event.changed.joined(separator: ","))
    add("USHER_PENDING", event.pending.isEmpty ? nil : event.pending.joined(separator: ","))
    return fields
}
