import ArgumentParser

struct UserDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete an account, its sessions and its second factor, for good.")

    @OptionGroup var user: UserArgument
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        try confirmation.ask("Delete \(HumanText.printable(user.user)) for good?")
        try await daemon.ask(user.request("USER_DELETE")) { _ in
            Output.print("\(HumanText.printable(user.user)) is deleted.")
        }
    }
}
