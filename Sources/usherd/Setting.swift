import UsherModel

/// One setting: where it stands in the file, how it is read, and how `--check-config` shows it.
struct Setting {
    /// `table.key`.
    let path: String
    let read: (SettingsFile.Value, inout Configuration) throws(StartFailure) -> Void
    /// As TOML; nil if it is not set and has no default.
    let show: (Configuration) -> String?
    /// Takes it over from another configuration; nil unless it is in force from the start to the end of a daemon.
    var keep: Keep?

    typealias Keep = (inout Configuration, Configuration) -> Void
    typealias Path<Value> = WritableKeyPath<Configuration, Value>

    /// Every setting, a line each.
    static var all: [Setting] {
        [
            .duration("token.access_expiry", \.tokens.accessExpiry, 1...),
            .duration("token.refresh_expiry", \.tokens.refreshExpiry, 1...),
            .duration("token.session_max_age", \.tokens.sessionMaxAge, 1...),
            .duration("token.clock_tolerance", \.tokens.clockTolerance, 0...),
            .duration("token.refresh_grace", \.tokens.refreshGrace, 0...),
            .string("token.issuer", \.tokens.issuer),
            .strings("token.audiences", \.tokens.audiences),
            .word("token.algorithm", \.tokens.algorithm),
            .words("token.personal_claims", \.tokens.personalClaims),
            .integer("token.max_sessions", \.limits.sessionsPerUser, 1...100_000),
            .integer("token.max_revocations", \.limits.revocations, 1...100_000_000),
            .word("password.scheme", \.passwordScheme),
            .cost("password.cost"),
            // What is shorter libpwquality refuses, whatever is set.
            .integer("password.min_length", \.passwordMinLength, 6...512),
            .optionalString("password.dictionary", \.passwordDictionary),
            .optionalString("password.breached_list", \.breachedList),
            .integer("password.workers", \.limits.hashWorkers, 0...256).atStart { $0.limits.hashWorkers = $1.limits.hashWorkers },
            .integer("password.queue", \.limits.hashQueue, 1...65_536),
            .milliseconds("password.timeout", \.limits.hashTimeout, 1...86_400),
            .integer("throttle.login_failures", \.limits.throttle.loginFailures, 1...1_000_000),
            .integer("throttle.address_failures", \.limits.throttle.addressFailures, 1...1_000_000),
            .duration("throttle.login_window", \.limits.throttle.loginWindow, 1...),
            .integer("throttle.account_failures", \.limits.throttle.accountFailures, 1...1_000_000),
            .duration("throttle.account_max_delay", \.limits.throttle.accountMaxDelay, 1...),
            .integer("throttle.register_per_address", \.limits.throttle.registerPerAddress, 1...1_000_000),
            .integer("throttle.recover_per_address", \.limits.throttle.recoverPerAddress, 1...1_000_000),
            .duration("throttle.per_address_window", \.limits.throttle.perAddressWindow, 1...),
            .integer("throttle.requests_per_minute", \.limits.throttle.requestsPerMinute, 1...1_000_000),
            .integer("throttle.max_buckets", \.limits.throttle.buckets, 1_000...100_000_000)
                .atStart { $0.limits.throttle.buckets = $1.limits.throttle.buckets },
            .duration("account.reset_expiry", \.accounts.resetExpiry, 1...),
            .duration("account.confirmation_expiry", \.accounts.confirmationExpiry, 1...),
            .flag("account.require_confirmed_email", \.accounts.requireConfirmedEmail),
            .strings("account.profile_claims", \.accounts.profileClaims),
            .optionalString("socket.listen", \.listen).atStart { $0.listen = $1.listen },
            .optionalString("socket.admin_listen", \.adminListen).atStart { $0.adminListen = $1.adminListen },
            .integer("socket.max_line", \.limits.line, 1_024...16_777_216),
            .integer("socket.max_in_flight", \.limits.inFlight, 1...65_536),
            .integer("socket.max_connections", \.limits.connections, 1...1_000_000),
            .integer("socket.max_connections_per_uid", \.limits.connectionsPerUID, 1...1_000_000),
            .optionalString("server.state", \.state).atStart { $0.state = $1.state },
            .milliseconds("server.drain_timeout", \.limits.drain, 0...3_600),
            .integer("store.queue", \.limits.storeQueue, 1...1_000_000),
            .milliseconds("store.timeout", \.limits.storeTimeout, 1...3_600),
            .duration("audit.max_age", \.limits.auditAge, 1...),
            .integer("audit.max_entries", \.limits.auditActsKept, 1...10_000_000),
            .word("log.level", \.logLevel),
        ]
    }

    private func atStart(_ keep: @escaping Keep) -> Setting {
        var setting = self
        setting.keep = keep
        return setting
    }

    private static func duration(_ path: String, _ place: Path<Int64>, _ range: PartialRangeFrom<Int64>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            configuration[keyPath: place] = try seconds(value, path, range)
        } show: {
            quoted(DurationText(seconds: $0[keyPath: place]).text)
        }
    }

    /// A duration that the daemon counts in milliseconds.
    private static func milliseconds(_ path: String, _ place: Path<Int64>, _ range: ClosedRange<Int64>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            let seconds = try seconds(value, path, range.lowerBound...)
            guard range.contains(seconds) else {
                throw .wrong(path, "must be at most \(DurationText(seconds: range.upperBound).text)")
            }
            configuration[keyPath: place] = seconds * 1000
        } show: {
            quoted(DurationText(seconds: $0[keyPath: place] / 1000).text)
        }
    }

    private static func seconds(
        _ value: SettingsFile.Value, _ path: String, _ range: PartialRangeFrom<Int64>
    ) throws(StartFailure) -> Int64 {
        guard let text = value.string, let duration = DurationText(text), range.contains(duration.seconds) else {
            throw .wrong(
                path, "must be a duration in quotes, such as \"30s\", \"15m\" or \"7d\", of at least \(range.lowerBound)s")
        }
        return duration.seconds
    }

    private static func integer(_ path: String, _ place: Path<Int>, _ range: ClosedRange<Int>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            guard let number = value.integer, range.contains(number) else {
                throw .wrong(path, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            configuration[keyPath: place] = number
        } show: {
            String($0[keyPath: place])
        }
    }

    private static func flag(_ path: String, _ place: Path<Bool>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            guard let flag = value.boolean else { throw .wrong(path, "must be true or false") }
            configuration[keyPath: place] = flag
        } show: {
            String($0[keyPath: place])
        }
    }

    /// Checked against the scheme when both are known.
    private static func cost(_ path: String) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            guard let number = value.integer else { throw .wrong(path, "must be a whole number") }
            configuration.passwordCost = number
        } show: {
            String($0.passwords.cost)
        }
    }

    private static func string(_ path: String, _ place: Path<String>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            guard let text = value.string else { throw .wrong(path, "must be a string") }
            configuration[keyPath: place] = text
        } show: {
            quoted($0[keyPath: place])
        }
    }

    private static func optionalString(_ path: String, _ place: Path<String?>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            guard let text = value.string, !text.isEmpty else { throw .wrong(path, "must be a string that is not empty") }
            configuration[keyPath: place] = text
        } show: {
            $0[keyPath: place].map(quoted)
        }
    }

    private static func strings(_ path: String, _ place: Path<[String]>) -> Setting {
        Setting(path: path) { value, configuration throws(StartFailure) in
            configuration[keyPath: place] = try list(value, path)
        } show: {
            quoted($0[keyPath: place])
        }
    }

    private static func word<Word>(_ path: String, _ place: Path<Word>) -> Setting
    where Word: RawRepresentable & CaseIterable, Word.RawValue == String {
        Setting(path: path) { value, configuration throws(StartFailure) in
            guard let word = value.string.flatMap(Word.init) else { throw .wrong(path, "must be \(choice(Word.self))") }
            configuration[keyPath: place] = word
        } show: {
            quoted($0[keyPath: place].rawValue)
        }
    }

    private static func words<Word>(_ path: String, _ place: Path<Set<Word>>) -> Setting
    where Word: RawRepresentable & CaseIterable, Word.RawValue == String {
        Setting(path: path) { value, configuration throws(StartFailure) in
            var words: Set<Word> = []
            for text in try list(value, path) {
                guard let word = Word(rawValue: text) else { throw .wrong(path, "may hold \(choice(Word.self))") }
                words.insert(word)
            }
            configuration[keyPath: place] = words
        } show: { configuration in
            let words = Word.allCases.filter { configuration[keyPath: place].contains($0) }
            return quoted(words.map(\.rawValue))
        }
    }

    private static func list(_ value: SettingsFile.Value, _ path: String) throws(StartFailure) -> [String] {
        guard case .strings(let strings) = value else { throw .wrong(path, "must be a list of strings") }
        return strings
    }

    private static func choice<Word>(_ type: Word.Type) -> String
    where Word: RawRepresentable & CaseIterable, Word.RawValue == String {
        Word.allCases.map { quoted($0.rawValue) }.joined(separator: " or ")
    }

    static func quoted(_ list: [String]) -> String { "[" + list.map { quoted($0) }.joined(separator: ", ") + "]" }

    /// A TOML basic string.
    static func quoted(_ text: String) -> String {
        var quoted = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return "\"\(quoted)\""
    }
}

extension StartFailure {
    fileprivate static func wrong(_ path: String, _ rule: String) -> StartFailure { StartFailure("\(path) \(rule).") }
}
