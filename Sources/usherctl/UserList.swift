import ArgumentParser
import UsherClient

struct UserList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List accounts, a page at a time.",
        discussion: """
            All of them in the order of their ids; those whose username or email begins with what is searched for in the order of their names. \
            Both are fast also with a million of them.
            """)

    @Argument(help: "List those whose username or email begins so, in any case.")
    var search: String?

    @Option(help: "List those with this role.")
    var role: String?

    @Flag(help: "List those that are disabled.")
    var disabled = false

    @Flag(help: "List those that are not disabled.")
    var enabled = false

    @Option(help: ArgumentHelp("How many at most, 1 to 1000; with --all, on a page.", valueName: "number"))
    var limit: Int64 = 100

    @Option(help: ArgumentHelp("Go on where the page before ended, as it was told.", valueName: "place"))
    var after: String?

    @Flag(help: "List all pages.")
    var all = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000.") }
        if disabled, enabled { throw ValidationError("--disabled and --enabled leave nobody.") }
    }

    func run() async throws {
        let client = daemon.client()
        var next = after
        var found = 0
        repeat {
            // The daemon ends a page when it has looked at many, whatever it found among them.
            let page = try await daemon.reply(to: request(after: next, limit: all ? limit : limit - Int64(found)), of: client)
            let users = page.objects("users") ?? []
            if daemon.json {
                Output.line(page.json)
            } else if !users.isEmpty {
                let lines = HumanText.table(users, columns: UserCommand.columns)
                for line in found == 0 ? lines[...] : lines.dropFirst() { Output.print(line) }
            }
            found += users.count
            next = page.string("after")
        } while next != nil && (all || found < limit)
        if daemon.json { return }
        if found == 0 { Output.remark("There are none.") }
        if let next { Output.remark("There are more: --after \(HumanText.printable(next)), or --all.") }
    }

    private func request(after: String?, limit: Int64) -> Request {
        var request = Request("USER_LIST")
        request.set("search", search)
        request.set("role", role)
        request.set("disabled", disabled ? true : enabled ? false : nil)
        request.set("limit", limit)
        request.set("after", after)
        return request
    }
}
