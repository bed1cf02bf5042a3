import ArgumentParser
import UsherClient

struct UserAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add an account.",
        discussion: """
            The password is asked for on the terminal, or is the first line of standard input. An account without one (--no-password) is opened \
            with a token from RECOVER.
            """)

    @Argument(help: "The username.")
    var username: String

    @Argument(help: "The email.")
    var email: String

    @Option(help: "The role; by default user.")
    var role: String?

    @Option(help: ArgumentHelp("Grant a permission. Can be repeated.", valueName: "permission"))
    var permission: [String] = []

    @OptionGroup var claims: ClaimOptions

    @Flag(help: "The email is known to be the user's.")
    var emailVerified = false

    @Flag(help: "No password opens it until one is set.")
    var noPassword = false

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var request = Request("USER_ADD")
        request.set("username", username)
        request.set("email", email)
        request.set("role", role)
        request.set("permissions", permission.isEmpty ? nil : permission)
        request.set("claims", json: try claims.json())
        request.set("email_verified", emailVerified ? true : nil)
        if !noPassword { request.set("password", try PasswordInput.new()) }
        try await daemon.ask(request, show: UserCommand.show)
    }
}
