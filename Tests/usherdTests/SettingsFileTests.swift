import Testing
import UsherModel

@testable import usherd

struct SettingsFileTests {
    /// A value of each setting that is not the default, in TOML.
    private static let others: [String: String] = [
        "token.access_expiry": #""10m""#, "token.refresh_expiry": #""3d""#, "token.session_max_age": #""30d""#,
        "token.clock_tolerance": #""5s""#, "token.refresh_grace": #""10s""#, "token.issuer": #""quo\"te\\ ä""#,
        "token.audiences": #"["a", "b, c"]"#, "token.algorithm": #""HS512""#, "token.personal_claims": #"["username", "claims"]"#,
        "token.max_sessions": "5", "token.max_revocations": "9", "password.scheme": #""bcrypt""#, "password.cost": "10",
        "password.min_length": "12", "password.dictionary": #""none""#, "password.breached_list": #""/etc/usher/breached""#,
        "password.workers": "3", "password.queue": "10", "password.timeout": #""2m""#,
        "throttle.login_failures": "7", "throttle.address_failures": "70", "throttle.login_window": #""20m""#,
        "throttle.account_failures": "50", "throttle.account_max_delay": #""30m""#, "throttle.register_per_address": "9",
        "throttle.recover_per_address": "8", "throttle.per_address_window": #""2h""#, "throttle.max_buckets": "5000",
        "throttle.requests_per_minute": "77",
        "account.reset_expiry": #""10m""#, "account.confirmation_expiry": #""2d""#, "account.require_confirmed_email": "true",
        "account.profile_claims": #"["department", "é"]"#, "socket.listen": #""/run/\u0007.sock""#,
        "socket.admin_listen": #""/run/admin.sock""#, "socket.max_line": "4096",
        "socket.max_in_flight": "7", "socket.max_connections": "100", "socket.max_connections_per_uid": "50",
        "server.state": #""/var/lib/usher""#, "server.drain_timeout": #""3s""#, "store.queue": "99",
        "store.timeout": #""9s""#, "audit.max_age": #""30d""#, "audit.max_entries": "50", "log.level": #""debug""#,
    ]

    @Test func everySettingIsReadAndShown() throws {
        #expect(Set(Self.others.keys) == Set(Setting.all.map(\.path)))
        for setting in Setting.all {
            let (table, key) = (setting.path.split(separator: ".")[0], setting.path.split(separator: ".")[1])
            let value = Self.others[setting.path] ?? ""
            // A cost of ten is good for both schemes.
            let read = try configuration("[\(table)]\n\(key) = \(value)\n")
            let written = SettingsFile.text(of: read)
            #expect(written.contains("\n\(key) = \(value)\n"), "\(setting.path)")
            #expect(!SettingsFile.text(of: try configuration()).contains("\n\(key) = \(value)\n"), "\(setting.path)")
            #expect(SettingsFile.text(of: try configuration(written)) == written)
        }
    }

    @Test func allTogetherComeBack() throws {
        var text = ""
        for (path, value) in Self.others { text += "\(path) = \(value)\n" }
        let written = SettingsFile.text(of: try configuration(text))
        let again = try configuration(written)
        #expect(SettingsFile.text(of: again) == written)
        #expect(again.tokens.issuer == "quo\"te\\ ä")
        #expect(again.listen == "/run/\u{7}.sock")
        #expect(again.tokens.audiences == ["a", "b, c"])
        #expect(again.tokens.personalClaims == [.username, .claims])
        #expect(again.limits.drain == 3000)
        #expect(again.limits.storeTimeout == 9000)
        #expect(again.limits.hashTimeout == 120_000)
        #expect(again.passwords == PasswordSettings(scheme: .bcrypt, cost: 10, minLength: 12))
    }

    @Test func anEmptyFileChangesNothing() throws {
        for text in ["", "\n\n# nothing\n", "[token]\n[password]\n"] {
            #expect(SettingsFile.text(of: try configuration(text)) == SettingsFile.text(of: try configuration()))
        }
    }

    @Test(arguments: [
        ("[token", "1:"), ("[token]\nissuer = \n", "2:"), ("[token]\nissuer = \"a\nb\"", "2:"), ("a = 1\na = 2", "2:"),
        ("[token]\n\n  issuer == \"x\"", "3:"), ("[token]\nissuer = 'x' y", "2:"),
    ])
    func aFaultOfTheSyntaxHasLineAndColumn(_ text: String, _ line: String) throws {
        let words = try #require(fault(text))
        #expect(words.hasPrefix(line))
        let parts = words.split(separator: ":", maxSplits: 2)
        #expect(Int(parts[1]) != nil)
        #expect(!words.contains("\n"))
    }

    @Test(arguments: [
        ("[token]\nisuer = \"x\"", "2:9: there is no setting token.isuer."),
        ("[tokens]\nx = 1", "2:5: there is no setting tokens.x."),
        ("issuer = \"x\"", "1:10: there is no setting issuer."), ("[tokens]\n", "there is no setting tokens"),
        ("[token.issuer]\nx = 1", "there is no setting token.issuer.x"), ("token = 5", "there is no setting token"),
        ("[[token]]\nissuer = \"x\"", "there is no setting token"),
        ("[token]\nIssuer = \"x\"", "there is no setting token.Issuer"),
        ("[token]\n\"iss\\nuer\" = \"x\"", #"there is no setting token."iss\nuer"."#),
        // Dots in quotes are a part of the key.
        ("\"token.issuer\" = \"x\"", #"1:18: there is no setting "token.issuer"."#),
        ("[token]\n'a.b' = 1", #"there is no setting token."a.b"."#),
        ("[\"token.issuer\"]\n", #"there is no setting "token.issuer"."#),
        (#"token."is\"s\\uer" = 1"#, #"there is no setting token."is\"s\\uer"."#),
        ("token.\"\" = 1", #"there is no setting token.""."#),
    ])
    func anUnknownKeyIsToldWithItsPath(_ text: String, _ words: String) {
        let fault = fault(text)
        #expect(fault?.contains(words) == true, "\(fault ?? "no fault")")
        #expect(fault?.contains("\n") == false)
    }

    @Test(arguments: [
        ("token.access_expiry", ["900", "\"900\"", "\"0s\"", "true", "[]", "\"15 m\""]),
        ("token.refresh_grace", ["30", "\"-1s\""]),
        ("token.issuer", ["5", "true", "[\"x\"]"]), ("token.audiences", ["\"x\"", "5", "[1]", "[\"x\", 1]", "[[\"x\"]]"]),
        ("token.algorithm", ["\"hs256\"", "\"RS256\"", "256"]), ("token.personal_claims", ["[\"role\"]", "\"email\""]),
        ("token.max_sessions", ["0", "100001", "\"5\"", "1.5"]), ("token.max_revocations", ["0", "\"5\""]),
        ("password.scheme", ["\"scrypt\"", "\"Yescrypt\""]),
        ("password.cost", ["\"7\"", "7.0"]), ("password.min_length", ["0", "5", "513"]),
        ("password.dictionary", ["\"\"", "true"]),
        ("password.breached_list", ["\"\"", "[]"]), ("password.workers", ["-1", "257"]),
        ("password.queue", ["0"]), ("account.reset_expiry", ["\"0s\"", "1800"]),
        ("account.require_confirmed_email", ["1", "\"true\""]), ("socket.listen", ["\"\"", "5"]),
        ("socket.admin_listen", ["\"\"", "5"]),
        ("socket.max_line", ["1023", "16777217"]),
        ("socket.max_in_flight", ["0", "65537"]), ("socket.max_connections", ["0", "9223372036854775807"]),
        ("server.state", ["\"\""]), ("server.drain_timeout", ["10", "\"3601s\"", "\"2h\""]), ("store.queue", ["0"]),
        ("audit.max_age", ["\"0s\"", "365"]), ("audit.max_entries", ["0", "10000001", "\"5\""]),
        ("log.level", ["\"warn\"", "4"]),
    ])
    func aWrongValueIsToldWithItsPathAndPlace(_ path: String, _ values: [String]) {
        for value in values {
            let words = fault("\n\(path) = \(value)\n")
            #expect(words?.hasPrefix("2:\(path.utf8.count + 4): \(path) m") == true, "\(words ?? "no fault of \(value)")")
        }
    }

    @Test func aFileThatIsNoneIsTold() {
        for (path, words) in [
            ("/no/such/file", "No such file"), ("/tmp", "no regular file"), ("/dev/zero", "no regular file"),
        ] {
            let failure = #expect(throws: StartFailure.self) { try configuration(arguments: ["--config", path]) }
            #expect(failure?.description.hasPrefix("\(path):") == true)
            #expect(failure?.description.contains(words) == true)
        }
        #expect(fault("[token]\nissuer = \"a\0b\"")?.contains("not UTF-8 text") == true)
    }
}
