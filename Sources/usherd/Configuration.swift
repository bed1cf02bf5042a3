import UsherModel

/// Everything that can be set, read once at start. Nobody else reads the settings' file or the environment.
struct Configuration {
    var tokens = TokenSettings()
    var limits = Limits()
    var passwordScheme = PasswordSettings.Scheme.yescrypt
    var passwordCost: Int?
    var passwordMinLength = 8
    var listen: String?
    var adminListen: String?
    var state: String?
    var logLevel = LogLevel.info

    enum LogLevel: String, CaseIterable {
        case debug, info, notice, warning, error

        var priority: Event.Priority {
            switch self {
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
        }
    }

    var passwords: PasswordSettings {
        PasswordSettings(scheme: passwordScheme, cost: passwordCost, minLength: passwordMinLength)
    }

    /// The file's settings, then the environment's, then the command line's: the later ones win.
    /// - Throws: what is wrong, and where it stands.
    init(_ arguments: Arguments, environment: (String) -> String?) throws(StartFailure) {
        if let file = arguments.configFile { try SettingsFile.read(file, into: &self) }
        try apply(environment)
        if let listen = arguments.listen { self.listen = listen }
        if let listen = arguments.adminListen { adminListen = listen }
        if let state = arguments.state ?? self.state ?? Self.stateDirectory(environment) { self.state = state }
        try check()
    }

    /// systemd's StateDirectory=; of several, the first.
    private static func stateDirectory(_ environment: (String) -> String?) -> String? {
        environment("STATE_DIRECTORY")?.split(separator: ":").first.map(String.init)
    }

    private mutating func apply(_ environment: (String) -> String?) throws(StartFailure) {
        if let issuer = environment("JWT_ISSUER") { tokens.issuer = issuer }
        if let audiences = environment("JWT_AUDIENCE") {
            tokens.audiences = audiences.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmed }
        }
        if let text = environment("JWT_ACCESS_EXPIRY") { tokens.accessExpiry = try Self.duration(text, "JWT_ACCESS_EXPIRY") }
        if let text = environment("JWT_REFRESH_EXPIRY") { tokens.refreshExpiry = try Self.duration(text, "JWT_REFRESH_EXPIRY") }
    }

    private static func duration(_ text: String, _ variable: String) throws(StartFailure) -> Int64 {
        guard let duration = DurationText(text), duration.seconds > 0 else {
            throw StartFailure("The environment's \(variable) must be a duration such as 15m or 7d, not \"\(text.printable)\".")
        }
        return duration.seconds
    }

    /// What an issuer and an audience may take of `Limits.accessToken`, in bytes, with room for the longest names and claims of their own.
    private static let maxNames = 512

    /// What no single setting can tell.
    private func check() throws(StartFailure) {
        guard !tokens.issuer.isEmpty else { throw StartFailure("token.issuer (JWT_ISSUER) must not be empty.") }
        guard !tokens.audiences.isEmpty, !tokens.audiences.contains("") else {
            throw StartFailure("token.audiences (JWT_AUDIENCE) must name one audience or more, none of them empty.")
        }
        let longest = tokens.audiences.map(\.utf8.count).max() ?? 0
        guard tokens.issuer.utf8.count + longest <= Self.maxNames else {
            throw StartFailure(
                "token.issuer and the longest of token.audiences may have \(Self.maxNames) bytes together: tokens must fit a cookie."
            )
        }
        guard tokens.accessExpiry >= 2 * tokens.refreshGrace else {
            throw StartFailure(
                "token.access_expiry (\(DurationText(seconds: tokens.accessExpiry).text)) must be at least twice "
                    + "token.refresh_grace (\(DurationText(seconds: tokens.refreshGrace).text)).")
        }
        let costs = passwordScheme.costs
        guard costs.contains(passwords.cost) else {
            throw StartFailure(
                "password.cost must be \(costs.lowerBound) to \(costs.upperBound) for \(passwordScheme.rawValue), not \(passwords.cost)."
            )
        }
        guard passwordMinLength <= passwordScheme.maxLength else {
            throw StartFailure(
                "password.min_length must be at most \(passwordScheme.maxLength) for \(passwordScheme.rawValue), not \(passwordMinLength)."
            )
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

extension String {
    /// With control characters shown as escapes, for messages.
    var printable: String {
        unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? $0.escaped(asASCII: true) : String($0) }.joined()
    }
}
