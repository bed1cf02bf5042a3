import ArgumentParser
import UsherClient

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what administrators did: who, what, to whom, and what was before and after.")

    @Option(help: ArgumentHelp("What was done to this user.", valueName: "user"))
    var user: String?

    @Option(help: ArgumentHelp("What this administrator did.", valueName: "name"))
    var actor: String?

    @Option(help: ArgumentHelp("How many entries at most.", valueName: "number"))
    var limit: Int64?

    @Option(help: ArgumentHelp("Go on behind this entry.", valueName: "id"))
    var after: String?

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is 1 or more.") }
    }

    func run() async throws {
        var request = Request("AUDIT")
        request.set("user", user)
        request.set("actor", actor)
        request.set("limit", limit)
        // An entry's id is a number where the store counts them.
        if let number = after.flatMap({ Int64($0) }) { request.set("after", number) } else { request.set("after", after) }
        try await daemon.ask(request) { reply in
            for entry in reply.objects("entries") ?? [] { Output.print(HumanText.event(entry)) }
            let next = reply.string("after") ?? reply.integer("after").map { String($0) }
            if let next { Output.remark("There are more: --after \(HumanText.printable(next)).") }
        }
    }
}
