import UsherModel
import UsherOperations

/// A `[[rule]]` of the settings' file: how it is read, and how `--check-config` shows it.
struct RuleSetting {
    var rule = Rule(operations: .none)
    /// `rule[1]` for the first.
    let path: String
    /// The file, line and column where it begins.
    let place: String
    private var hasOperations = false

    init(path: String, place: String) {
        self.path = path
        self.place = place
    }

    /// The longest name that systemd gives a socket.
    private static let longestSocketName = 255

    private static let everything = "all"

    /// Takes one of its keys.
    /// - Parameter path: of the key, for what is thrown.
    /// - Returns: whether there is such a key.
    mutating func read(_ key: String, _ value: SettingsFile.Value) throws(StartFailure) -> Bool {
        let path = "\(path).\(key)"
        switch key {
        case "socket": rule.socket = try Self.socket(value, path)
        case "user": rule.uid = try Self.identifier(value, path, "user", Identifiers.user)
        case "group": rule.gid = try Self.identifier(value, path, "group", Identifiers.group)
        case "operations":
            rule.operations = try Self.operations(value, path)
            hasOperations = true
        case "rate":
            guard let rate = value.string.flatMap(Rate.init) else {
                throw StartFailure(
                    "\(path) must be a number of requests from 1 to 1000000 and a time in quotes, such as \"1000/s\", \"30/m\" or \"5/h\"."
                )
            }
            rule.rate = rate
        case "connections":
            guard let share = Rule.Share(value) else {
                throw StartFailure("\(path) must be a number from 1 to 1000000, or a share in quotes, from \"1%\" to \"100%\".")
            }
            rule.connections = share
        case "client_address":
            guard let flag = value.boolean else { throw StartFailure("\(path) must be true or false.") }
            rule.mayNameAddresses = flag
        case "audiences":
            guard case .strings(let names) = value, !names.isEmpty else {
                throw StartFailure("\(path) must be a list of strings that is not empty.")
            }
            rule.audiences = names
        default: return false
        }
        return true
    }

    /// What no key alone can tell.
    /// - Parameter audiences: all that there are.
    func check(audiences: [String]) throws(StartFailure) {
        guard hasOperations else {
            throw StartFailure("\(place): \(path).operations must be set: which operations may be called, or \"all\".")
        }
        if let unknown = rule.audiences?.first(where: { name in !audiences.contains { $0.utf8.elementsEqual(name.utf8) } }) {
            throw StartFailure(
                "\(place): \(path).audiences may name only what token.audiences (JWT_AUDIENCE) names, not \"\(unknown.printable)\"."
            )
        }
    }

    private static func socket(_ value: SettingsFile.Value, _ path: String) throws(StartFailure) -> String {
        guard let name = value.string, (1...longestSocketName).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ":") })
        else { throw StartFailure("\(path) must be a socket's name: the FileDescriptorName= of its unit.") }
        guard name != Rules.adminSocket else {
            throw StartFailure("\(path) must not be \"admin\": no rule concerns the socket for root and the daemon's own user.")
        }
        return name
    }

    private static func identifier(
        _ value: SettingsFile.Value, _ path: String, _ kind: String, _ find: (String) -> UInt32?
    ) throws(StartFailure) -> UInt32 {
        if let number = value.integer {
            // The highest stands for none.
            guard let identifier = UInt32(exactly: number), identifier < .max else {
                throw StartFailure("\(path) must be a \(kind)'s name in quotes or number.")
            }
            return identifier
        }
        guard let name = value.string else { throw StartFailure("\(path) must be a \(kind)'s name in quotes or number.") }
        guard let identifier = find(name) else {
            throw StartFailure("\(path): this machine knows no \(kind) \"\(name.printable)\".")
        }
        return identifier
    }

    private static func operations(_ value: SettingsFile.Value, _ path: String) throws(StartFailure) -> OperationSet {
        if value.string == everything { return .all(at: .app) }
        guard case .strings(let names) = value else {
            throw StartFailure("\(path) must be \"\(everything)\" or a list of operations, such as [\"VERIFY\", \"AUTHORIZE\"].")
        }
        for name in names {
            guard let operation = Registry.operations.first(where: { $0.name == name }) else {
                throw StartFailure(
                    "\(path): there is no operation \"\(name.printable)\" (they are written in capitals; HELP lists them).")
            }
            guard operation.isAllowed(at: .app) else {
                throw StartFailure("\(path): \(name) is answered on the admin socket alone, which no rule concerns.")
            }
        }
        return OperationSet(names)
    }

    /// As it would stand in the file.
    var text: String {
        var lines = ["[[rule]]"]
        func add(_ key: String, _ value: String?) { if let value { lines.append("\(key) = \(value)") } }
        add("socket", rule.socket.map(Setting.quoted))
        add("user", rule.uid.map { "\($0)" })
        add("group", rule.gid.map { "\($0)" })
        add(
            "operations",
            rule.operations == .all(at: .app) ? Setting.quoted(Self.everything) : Setting.quoted(rule.operations.names))
        add("rate", rule.rate.map { Setting.quoted($0.text) })
        add("connections", rule.connections?.text)
        add("client_address", "\(rule.mayNameAddresses)")
        add("audiences", rule.audiences.map(Setting.quoted))
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Rule.Share {
    fileprivate init?(_ value: SettingsFile.Value) {
        if let count = value.integer, (1...1_000_000).contains(count) {
            self = .count(count)
        } else if let text = value.string, text.last == "%", text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }),
            let percent = Int(text.dropLast()), (1...100).contains(percent)
        {
            self = .percent(percent)
        } else {
            return nil
        }
    }

    fileprivate var text: String {
        switch self {
        case .count(let count): "\(count)"
        case .percent(let percent): "\"\(percent)%\""
        }
    }
}
