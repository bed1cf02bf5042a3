import UsherModel

/// MONITOR: the events of the journal, as they come.
enum Monitor {
    static let operation = Operation(
        name: "MONITOR",
        summary: "Watch events: after the reply, each is a line, until the connection is closed.",
        members: [],
        example: #"{"op":"MONITOR"}"#,
        event: nil, place: .admin,
        run: .watch { service throws(UsherError) in
            guard (service.connections?.watching ?? 0) < Limits.watchers else {
                throw UsherError(
                    .busy, "No more than \(Limits.watchers) connections may watch at a time.",
                    detail: .retryAfterMilliseconds(1000))
            }
        })
}
