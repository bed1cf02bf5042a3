import UsherModel

/// The fields of an event's entry in the journal (systemd.journal-fields(7)), `NAME=value` each. Values are as they came: a field
/// travels with its length, so none can become two. MESSAGE, which journalctl shows as a line, is the event's text.
func fields(for event: Event) -> [[UInt8]] {
    var fields: [[UInt8]] = []
    func add(_ name: String, _ value: String) { fields.append(Array("\(name)=\(value)".utf8)) }
    add("MESSAGE", event.text)
    add("PRIORITY", String(event.priority.rawValue))
    add("SYSLOG_IDENTIFIER", "usherd")
    add("MESSAGE_ID", event.kind.messageID)
    for (name, value) in event.fields { add("USHER_\(name.uppercased())", value) }
    return fields
}
