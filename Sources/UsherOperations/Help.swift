import UsherJSON
import UsherModel

/// HELP: what operations there are, for people at a prompt.
enum Help {
    /// No operation has a longer name, in bytes.
    private static let longestName = 32

    static let operation = Operation(
        name: "HELP",
        summary: "List the operations, or explain one.",
        members: [.init("topic", "string, optional: the name of an operation")],
        example: #"{"op":"HELP","topic":"LOGIN"}"#,
        event: nil,
        run: .immediate { request, line, _, _, writer throws(UsherError) in
            var operations = Registry.operations
            if let topic = try request.string("topic", in: line) {
                let isName = topic.utf8.count <= Self.longestName && topic.utf8.allSatisfy { $0 < 0x80 }
                let name = isName ? topic.uppercased() : ""
                operations = operations.filter { $0.name == name }
                guard !operations.isEmpty else { throw .invalidField("topic", "There is no such operation; HELP lists them.") }
            }
            writer.name("ops")
            writer.openArray()
            for operation in operations { operation.write(to: &writer) }
            writer.closeArray()
        })
}

extension Operation {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.openObject()
        writer.member("name", name)
        writer.member("summary", summary)
        writer.name("members")
        writer.openArray()
        for member in members {
            writer.openObject()
            writer.member("name", member.name)
            writer.member("is", member.text)
            writer.closeObject()
        }
        writer.closeArray()
        writer.member("example", example)
        if place == .admin { writer.member("socket", "admin") }
        writer.closeObject()
    }
}
