import ArgumentParser
import UsherClient

struct UserSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change an account.",
        discussion: """
            What is not named stays as it is. A change of names, role, permissions or claims holds at once: tokens from before it are refused until \
            they are refreshed. A new password ends all sessions of the user.
            """)

    @OptionGroup var user: UserArgument

    @Option(help: "A new username.")
    var username: String?

    @Option(help: "A new email.")
    var email: String?

    @Flag(inversion: .prefixedNo, help: "Whether the email is known to be the user's.")
    var emailVerified: Bool?

    @Option(help: "The role.")
    var role: String?

    @Option(help: ArgumentHelp("Grant a permission. Can be repeated.", valueName: "permission"))
    var grant: [String] = []

    @Option(help: ArgumentHelp("Take a permission away. Can be repeated.", valueName: "permission"))
    var revoke: [String] = []

    @Option(
        help: ArgumentHelp(
            "All permissions that the user is to have of their own, separated by commas; \"\" for none.", valueName: "list"))
    var permissions: String?

    @OptionGroup var claims: ClaimOptions

    @Option(help: ArgumentHelp("Take a custom claim away. Can be repeated.", valueName: "name"))
    var noClaim: [String] = []

    @Flag(help: "Set a new password: asked for on the terminal, or the first line of standard input.")
    var password = false

    @Flag(help: "Take the second factor away, for a user who lost it.")
    var noSecondFactor = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if permissions != nil, !grant.isEmpty || !revoke.isEmpty {
            throw ValidationError("--permissions is the whole list: --grant and --revoke do not go with it.")
        }
        let isChange =
            [username, email, role, permissions].contains { $0 != nil } || emailVerified != nil || password || noSecondFactor
            || [grant, revoke, noClaim, claims.claim, claims.claimJson].contains { !$0.isEmpty }
        guard isChange else { throw ValidationError("Name what is to be changed.") }
        _ = try claims.json(removing: noClaim)
    }

    func run() async throws {
        var request = user.request("USER_SET")
        request.set("username", username)
        request.set("email", email)
        request.set("email_verified", emailVerified)
        request.set("role", role)
        request.set("permissions", permissions?.split(separator: ",").map(String.init))
        request.set("grant", grant.isEmpty ? nil : grant)
        request.set("revoke", revoke.isEmpty ? nil : revoke)
        request.set("claims", json: try claims.json(removing: noClaim))
        request.set("second_factor", noSecondFactor ? false : nil)
        if password { request.set("password", try PasswordInput.new()) }
        try await daemon.ask(request, show: UserCommand.show)
    }
}
