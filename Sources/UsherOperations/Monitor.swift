import UsherJSON
import UsherModel

/// MONITOR: the events of the journal, as they come.
struct Monitor: DeferredRequest {
    static let operation = Operation(
        name: "MONITOR",
        summary: "Watch events: after the reply, each is a line, until the connection is closed.",
        members: [],
        example: #"{"op":"MONITOR"}"#,
        event: nil, place: .admin,
        run: .deferred { _, _, _, _ throws(UsherError) in Monitor() })

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        // Nothing is awaited: the reply goes out before the first event.
        try service.connections?.watch(attempt.caller)
        return Nothing()
    }

    private struct Nothing: Output {
        func write(to writer: inout JSONWriter) {}
    }
}
