import UsherModel
import UsherQuality
import UsherToken

/// Everything that can be set, read at start and at each reload. Nobody else reads the settings' file or the environment.
struct Configuration {
    var tokens = TokenSettings()
    var accounts = AccountSettings()
    var limits = Limits()
    var passwordScheme = PasswordSettings.Scheme.yescrypt
    var passwordCost: Int?
    var passwordMinLength = 8
    /// `noDictionary` for none.
    var passwordDictionary: String? = CrackDictionary.usualPath
    var breachedList: String?
    var listen: String?
    var adminListen: String?
    var state: String?
    var logLevel = LogLevel.info
    var rules: [RuleSetting] = []

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

    /// What `[password] dictionary` says where there is to be none.
    static let noDictionary = "none"

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

    /// The settings that are not the same in both, by their paths.
    static func differences(_ one: Configuration, _ other: Configuration) -> [String] {
        Setting.all.filter { $0.show(one) != $0.show(other) }.map(\.path)
            + (one.rules.map(\.rule) == other.rules.map(\.rule) ? [] : ["rule"])
    }

    /// Takes back what only a restart can change.
    /// - Returns: which settings those were, by their paths.
    mutating func keepWhatNeedsRestart(of running: Configuration) -> [String] {
        let wished = self
        for setting in Setting.all { setting.keep?(&self, running) }
        return Self.differences(self, wished)
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

    /// Longer than this nobody is kept from trying an account; seconds.
    private static let maxDelay: Int64 = 86_400

    /// What no single setting can tell.
    private func check() throws(StartFailure) {
        for rule in rules { try rule.check(audiences: tokens.audiences) }
        guard !tokens.issuer.isEmpty else { throw StartFailure("token.issuer (JWT_ISSUER) must not be empty.") }
        guard !tokens.audiences.isEmpty, !tokens.audiences.contains("") else {
            throw StartFailure("token.audiences (JWT_AUDIENCE) must name one audience or more, none of them empty.")
        }
        guard !tokens.issuer.hasControlCharacters else {
            throw StartFailure("token.issuer (JWT_ISSUER) must not have control characters: \"\(tokens.issuer.printable)\".")
        }
        if let audience = tokens.audiences.first(where: \.hasControlCharacters) {
            throw StartFailure("token.audiences (JWT_AUDIENCE) must not have control characters: \"\(audience.printable)\".")
        }
        let longest = tokens.audiences.map(\.utf8.count).max() ?? 0
        guard tokens.issuer.utf8.count + longest <= Self.maxNames else {
            throw StartFailure(
                "token.issuer and the longest of token.audiences may have \(Self.maxNames) bytes together: tokens must fit a cookie."
            )
        }
        guard tokens.clockTolerance <= TokenSettings.longestClockTolerance else {
            throw StartFailure(
                "token.clock_tolerance must be at most \(DurationText(seconds: TokenSettings.longestClockTolerance).text).")
        }
        guard tokens.accessExpiry >= 2 * tokens.refreshGrace else {
            throw StartFailure(
                "token.access_expiry (\(DurationText(seconds: tokens.accessExpiry).text)) must be at least twice "
                    + "token.refresh_grace (\(DurationText(seconds: tokens.refreshGrace).text)).")
        }
        guard limits.throttle.accountMaxDelay <= Self.maxDelay else {
            throw StartFailure("throttle.account_max_delay must be at most \(DurationText(seconds: Self.maxDelay).text).")
        }
        if let name = accounts.profileClaims.first(where: { $0.isEmpty || TokenIssuer.reservedClaims.contains($0) }) {
            throw StartFailure("account.profile_claims must not name \"\(name.printable)\": no custom claim can have that name.")
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
        unicodeScalars.map { $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0) }.joined()
    }

    fileprivate var hasControlCharacters: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }
}
