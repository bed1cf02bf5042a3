import ArgumentParser
import UsherClient

struct UserList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List accounts, in the order of their ids, a page at a time.",
        discussion: "Fast also with a million of them: search takes the beginning of a username or an email, in any case.")

    @Argument(help: "List those whose username or email begins so.")
    var search: String?

    @Option(help: "List those with this role.")
    var role: String?

    @Flag(help: "List those that are disabled.")
    var disabled = false

    @Flag(help: "List those that are not disabled.")
    var enabled = false

    @Option(help: ArgumentHelp("How many on a page, 1 to 1000.", valueName: "number"))
    var limit: Int64 = 100

    @Option(help: ArgumentHelp("Go on behind this id, the last of the page before.", valueName: "id"))
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
        repeat {
            let page = try await daemon.reply(to: request(after: next), of: client)
            if daemon.json {
                Output.line(page.json)
            } else {
                let users = page.objects("users") ?? []
                for line in HumanText.table(users, columns: UserCommand.columns) { Output.print(line) }
            }
            next = page.string("after")
        } while all && next != nil
        if let next, !daemon.json { Output.remark("There are more: --after \(HumanText.printable(next)), or --all.") }
    }

    private func request(after: String?) -> Request {
        var request = Request("USER_LIST")
        request.set("search", search)
        request.set("role", role)
        request.set("disabled", disabled ? true : enabled ? false : nil)
        request.set("limit", limit)
        request.set("after", after)
        return request
    }
}
