import ArgumentParser
import UsherClient

struct UserEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Let a disabled account in again.")

    @OptionGroup var user: UserArgument
    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var request = user.request("USER_SET")
        request.set("disabled", false)
        try await daemon.ask(request, show: UserCommand.show)
    }
}

struct UserDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Shut an account: its tokens are refused at once, and nobody can log in to it.")

    @OptionGroup var user: UserArgument
    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var request = user.request("USER_SET")
        request.set("disabled", true)
        try await daemon.ask(request, show: UserCommand.show)
    }
}
