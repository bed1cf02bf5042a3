import ArgumentParser

struct UserShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show an account.")

    @OptionGroup var user: UserArgument
    @OptionGroup var daemon: DaemonOptions

    func run() async throws { try await daemon.ask(user.request("USER_SHOW"), show: UserCommand.show) }
}
