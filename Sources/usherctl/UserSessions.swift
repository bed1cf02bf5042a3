import ArgumentParser
import UsherClient

struct UserSessions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "sessions", abstract: "List an account's sessions.")

    @OptionGroup var user: UserArgument
    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        try await daemon.ask(user.request("USER_SESSIONS")) { reply in
            let sessions = reply.objects("sessions") ?? []
            if sessions.isEmpty { return Output.remark("There are none.") }
            for line in HumanText.table(sessions) { Output.print(line) }
        }
    }
}

struct UserLogout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "End an account's sessions, or one of them.",
        discussion: "Their tokens are refused from then on.")

    @OptionGroup var user: UserArgument

    @Argument(help: "The session, as `user sessions` lists it; without it, all of them.")
    var session: String?

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var request = user.request("USER_LOGOUT")
        request.set("session", session)
        try await daemon.ask(request) { reply in
            Output.print(UserCommand.ended(reply.integer("sessions_ended") ?? 0))
        }
    }
}
