import ArgumentParser
import UsherClient

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Accounts: add, find, change, move and delete them.",
        discussion: "A USER is named by its id, its username, or its email.",
        subcommands: [
            UserAdd.self, UserList.self, UserShow.self, UserSet.self, UserEnable.self, UserDisable.self, UserDelete.self,
            UserSessions.self, UserLogout.self, UserImport.self, UserExport.self,
        ])

    /// The columns of lists of users.
    static let columns = ["username", "email", "role", "permissions", "disabled", "email_verified", "last_login_at", "id"]

    /// Prints the user of a reply, and what else it tells.
    static func show(_ reply: ReplyObject) {
        if let user = reply.object("user") {
            for line in HumanText.details(user) { Output.print(line) }
        }
        if let ended = reply.integer("sessions_ended"), ended > 0 { Output.remark(Self.ended(ended)) }
    }

    static func ended(_ sessions: Int64) -> String { sessions == 1 ? "1 session is ended." : "\(sessions) sessions are ended." }
}

/// The one argument that most commands have.
struct UserArgument: ParsableArguments {
    @Argument(help: "The user: an id, a username, or an email.")
    var user: String

    /// A request that names the user.
    func request(_ operation: String) -> Request {
        var request = Request(operation)
        request.set("user", user)
        return request
    }
}
