import Testing
import UsherModel

@testable import usherd

struct ConfigurationTests {
    @Test func defaultsAreInForce() throws {
        let configuration = try configuration()
        #expect(configuration.tokens == TokenSettings())
        #expect(configuration.accounts == AccountSettings())
        #expect(configuration.limits == Limits())
        #expect(configuration.passwords == PasswordSettings())
        #expect(configuration.listen == nil && configuration.state == nil)
        #expect(configuration.logLevel == .info)
    }

    /// The file, then the environment, then the command line: the later ones win.
    @Test func whoHasTheLastWord() throws {
        let text = """
            [token]
            issuer = "file"
            audiences = ["file"]
            access_expiry = "5m"
            refresh_expiry = "1d"
            [socket]
            listen = "/file"
            admin_listen = "/file-admin"
            [server]
            state = "/file"
            """
        let file = try configuration(text)
        #expect(file.tokens.issuer == "file")
        #expect(file.tokens.audiences == ["file"])
        #expect(file.tokens.accessExpiry == 300)
        #expect(file.tokens.refreshExpiry == 86_400)
        #expect(file.listen == "/file")
        #expect(file.adminListen == "/file-admin")
        #expect(file.state == "/file")
        let environment = [
            "JWT_ISSUER": "environment", "JWT_AUDIENCE": "shop, blog", "JWT_ACCESS_EXPIRY": "10m", "JWT_REFRESH_EXPIRY": "2d",
            "STATE_DIRECTORY": "/systemd:/other",
        ]
        let both = try configuration(text, environment)
        #expect(both.tokens.issuer == "environment")
        #expect(both.tokens.audiences == ["shop", "blog"])
        #expect(both.tokens.accessExpiry == 600)
        #expect(both.tokens.refreshExpiry == 172_800)
        // What systemd names is only a default.
        #expect(both.state == "/file")
        #expect(try configuration(nil, environment).state == "/systemd")
        let all = try configuration(
            text, environment, arguments: ["--listen", "/argument", "--admin-listen", "/argument-admin", "--state", "/argument"])
        #expect(all.listen == "/argument")
        #expect(all.adminListen == "/argument-admin")
        #expect(all.state == "/argument")
    }

    @Test(arguments: ["JWT_ACCESS_EXPIRY", "JWT_REFRESH_EXPIRY"])
    func aDurationInTheEnvironmentIsOne(_ variable: String) {
        for value in ["15", "0s", "-1s", "soon", "15m\n"] {
            let failure = #expect(throws: StartFailure.self) { try configuration(nil, [variable: value]) }
            #expect(failure?.description.contains(variable) == true)
            #expect(failure?.description.contains("\n") == false)
        }
    }

    @Test func everyAudienceHasAName() {
        for value in [",", "a,", ",a", "a,,b", " "] {
            #expect(throws: StartFailure.self) { try configuration(nil, ["JWT_AUDIENCE": value]) }
        }
        #expect(fault("[token]\naudiences = []")?.contains("audiences") == true)
        #expect(fault("[token]\naudiences = [\"\"]")?.contains("audiences") == true)
        #expect(fault("[token]\nissuer = \"\"")?.contains("issuer") == true)
    }

    @Test(arguments: ["\n", "\0", "\u{1b}[31m", "\u{7f}", "\u{85}"])
    func namesHaveNoControlCharacters(_ character: String) {
        for (variable, setting) in [("JWT_ISSUER", "token.issuer"), ("JWT_AUDIENCE", "token.audiences")] {
            let failure = #expect(throws: StartFailure.self) { try configuration(nil, [variable: "shop,a\(character)b"]) }
            #expect(failure?.description.contains("\(setting) (\(variable)) must not have control characters") == true)
            #expect(failure?.description.contains(character) == false)
        }
        #expect(fault("[token]\naudiences = [\"a\", \"b\\u0001\"]")?.contains("token.audiences") == true)
        #expect(fault("[token]\nissuer = \"ä\\u00a0 ☃\"") == nil)
    }

    /// An access token must outlast the window in which it can be asked for again.
    @Test func accessExpiryIsTwiceTheGraceAtLeast() {
        #expect(fault("[token]\naccess_expiry = \"59s\"")?.contains("access_expiry (59s)") == true)
        #expect(fault("[token]\naccess_expiry = \"60s\"") == nil)
        #expect(fault("[token]\nrefresh_grace = \"8m\"")?.contains("refresh_grace (8m)") == true)
        #expect(fault("[token]\naccess_expiry = \"1s\"\nrefresh_grace = \"0s\"") == nil)
        #expect(fault("", ["JWT_ACCESS_EXPIRY": "59s"])?.contains("access_expiry") == true)
    }

    @Test func aCostIsItsSchemes() {
        #expect(fault("[password]\ncost = 12")?.contains("1 to 11 for yescrypt, not 12") == true)
        #expect(fault("[password]\ncost = 0")?.contains("yescrypt") == true)
        #expect(fault("[password]\nscheme = \"bcrypt\"\ncost = 3")?.contains("4 to 31 for bcrypt, not 3") == true)
        // Whichever comes first.
        #expect(fault("[password]\ncost = 12\nscheme = \"bcrypt\"") == nil)
        #expect(fault("[password]\nscheme = \"bcrypt\"") == nil)
        #expect(fault("[password]\nscheme = \"bcrypt\"\nmin_length = 73")?.contains("at most 72") == true)
        #expect(fault("[password]\nmin_length = 512") == nil)
    }

    @Test func whatDiffersIsNamed() throws {
        let (one, other) = (try configuration(), try configuration("[token]\nissuer = \"x\"\n[password]\ncost = 8\n"))
        #expect(Configuration.differences(one, one).isEmpty)
        #expect(Configuration.differences(one, other) == ["token.issuer", "password.cost"])
        // The default, spelled out.
        #expect(Configuration.differences(one, try configuration("[password]\ncost = 7\n")).isEmpty)
    }

    /// All else is in force at once: a setting that is not asks for being listed here.
    @Test func whatOnlyARestartChangesStays() throws {
        let text = """
            [password]
            workers = 3
            min_length = 9
            [throttle]
            max_buckets = 5000
            [socket]
            listen = "/file"
            admin_listen = "/file"
            [server]
            state = "/file"
            """
        let running = try configuration(nil, [:], arguments: ["--state", "/argument"])
        var read = try configuration(text)
        #expect(
            read.keepWhatNeedsRestart(of: running) == [
                "password.workers", "throttle.max_buckets", "socket.listen", "socket.admin_listen", "server.state",
            ])
        #expect(Configuration.differences(read, running) == ["password.min_length"])
        #expect(Setting.all.filter { $0.keep != nil }.count == 5)
        // What the command line says is not the file's to change.
        var same = try configuration(text, [:], arguments: ["--state", "/argument"])
        #expect(
            same.keepWhatNeedsRestart(of: running) == [
                "password.workers", "throttle.max_buckets", "socket.listen", "socket.admin_listen",
            ])
    }
}
