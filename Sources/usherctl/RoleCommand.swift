import ArgumentParser
import UsherClient

struct RoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role",
        abstract: "Roles: sets of permissions that users have together.",
        discussion: "A user's tokens carry the permissions of the role and the user's own. A change holds at once.",
        subcommands: [RoleList.self, RoleShow.self, RoleGrant.self, RoleRevoke.self, RoleDelete.self])

    /// Prints the role of a reply, which is the reply itself or its member `role`.
    static func show(_ reply: ReplyObject) {
        for line in HumanText.details(reply.object("role") ?? reply, without: ["id", "ok"]) { Output.print(line) }
    }
}

struct RoleArgument: ParsableArguments {
    @Argument(help: "The role.")
    var role: String

    /// A request that names the role.
    func request(_ operation: String) -> Request {
        var request = Request(operation)
        request.set("role", role)
        return request
    }
}

struct RoleList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the roles with their permissions.")

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        let client = daemon.client()
        var roles: [ReplyObject] = []
        var after: String?
        repeat {
            var request = Request("ROLE_LIST")
            request.set("after", after)
            let page = try await daemon.reply(to: request, of: client)
            if daemon.json { Output.line(page.json) }
            roles += page.objects("roles") ?? []
            after = page.string("after")
        } while after != nil
        if daemon.json { return }
        if roles.isEmpty { return Output.remark("There are none.") }
        for line in HumanText.table(roles) { Output.print(line) }
    }
}

struct RoleShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a role.")

    @OptionGroup var role: RoleArgument
    @OptionGroup var daemon: DaemonOptions

    func run() async throws { try await daemon.ask(role.request("ROLE_SHOW"), show: RoleCommand.show) }
}

struct RoleGrant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant", abstract: "Give a role permissions; it is made if there is none.",
        discussion: "A permission may end in :* to stand for all that begins so: post:* grants post:edit.")

    @OptionGroup var role: RoleArgument

    @Argument(help: ArgumentHelp("The permissions.", valueName: "permission"))
    var permissions: [String]

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var request = role.request("ROLE_GRANT")
        request.set("permissions", permissions)
        try await daemon.ask(request, show: RoleCommand.show)
    }
}

struct RoleRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "Take permissions from a role.")

    @OptionGroup var role: RoleArgument

    @Argument(help: ArgumentHelp("The permissions, as they were granted.", valueName: "permission"))
    var permissions: [String]

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var request = role.request("ROLE_REVOKE")
        request.set("permissions", permissions)
        try await daemon.ask(request, show: RoleCommand.show)
    }
}

struct RoleDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a role.")

    @OptionGroup var role: RoleArgument
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        try confirmation.ask("Delete the role \(HumanText.printable(role.role))?")
        try await daemon.ask(role.request("ROLE_DELETE")) { _ in
            Output.print("The role \(HumanText.printable(role.role)) is deleted.")
        }
    }
}
