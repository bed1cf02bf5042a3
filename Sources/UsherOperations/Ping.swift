import UsherJSON
import UsherModel

/// PING: whether the daemon is there.
enum Ping {
    static let operation = Operation(
        name: "PING",
        summary: "Tell whether the daemon is there, and its version.",
        members: [],
        example: #"{"op":"PING"}"#,
        event: nil,
        run: .immediate { _, _, _, service, writer throws(UsherError) in
            writer.member("server", "usherd")
            writer.member("version", service.version)
            writer.member("protocol", 1)
        })
}
