import UsherModel

/// The command line.
struct Arguments {
    var configFile: String?
    var listen: String?
    var adminListen: String?
    var state: String?
    var action = Action.serve
    var isQuiet = false

    enum Action {
        case serve, checkConfig, version, help
    }

    static let usage = """
        usage: usherd [--config FILE] [--listen PATH] [--admin-listen PATH] [--state DIR]
               usherd [--config FILE] [--state DIR] --check-config [--quiet]

          --config FILE    settings, in TOML; all are optional
          --listen PATH    the Unix socket to make, unless systemd hands one over
          --admin-listen PATH
                           the socket for administrators to make beside it
          --state DIR      where the users are kept; by default what systemd's StateDirectory= names
          --check-config   check settings and secrets, print the settings that would be in force, and exit
          --quiet          with --check-config: print what is wrong, and nothing else
          --version        print the version and exit
          --help           print this and exit

        The secrets come from systemd's credentials jwt-secret, refresh-secret and data-key, else from the
        environment (JWT_SECRET, REFRESH_TOKEN_SECRET, USHER_DATA_KEY), else from the state folder, where
        they are made once.
        """

    /// What is wrong with a command line, besides the usage.
    struct Misuse: Error {
        let message: String
    }

    init(_ words: [String]) throws(Misuse) {
        var words = words[...]
        while let word = words.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            func value() throws(Misuse) -> String {
                guard let value = parts.count == 2 ? parts[1] : words.popFirst(), !value.isEmpty else {
                    throw Misuse(message: "\(parts[0]) needs a value")
                }
                return value
            }
            switch parts[0] {
            case "--config": configFile = try value()
            case "--listen": listen = try value()
            case "--admin-listen": adminListen = try value()
            case "--state": state = try value()
            case "--check-config" where parts.count == 1: action = .checkConfig
            case "--quiet" where parts.count == 1: isQuiet = true
            case "--version" where parts.count == 1: action = .version
            case "--help" where parts.count == 1, "-h" where parts.count == 1: action = .help
            default: throw Misuse(message: "unknown argument: \(word)")
            }
        }
        if isQuiet, action != .checkConfig { throw Misuse(message: "--quiet goes with --check-config") }
    }
}
