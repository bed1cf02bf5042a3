import Testing

@testable import usherd

struct ArgumentsTests {
    private func misuse(_ words: [String]) -> String? {
        do throws(Arguments.Misuse) { _ = try Arguments(words) } catch { return error.message }
        return nil
    }

    @Test func nothingIsServe() throws {
        let arguments = try Arguments([])
        #expect(arguments.action == .serve)
        #expect(arguments.configFile == nil && arguments.listen == nil && arguments.state == nil)
    }

    @Test func valuesFollowInEitherForm() throws {
        for words in [
            ["--config", "a.toml", "--listen", "/run/s", "--state", "d"], ["--state=d", "--config=a.toml", "--listen=/run/s"],
        ] {
            let arguments = try Arguments(words)
            #expect(arguments.configFile == "a.toml")
            #expect(arguments.listen == "/run/s")
            #expect(arguments.state == "d")
            #expect(arguments.action == .serve)
        }
        #expect(try Arguments(["--listen=a=b"]).listen == "a=b")
        #expect(try Arguments(["--admin-listen", "/run/a"]).adminListen == "/run/a")
        #expect(try Arguments(["--state", "a", "--state", "b"]).state == "b")
    }

    @Test(arguments: [
        ("--check-config", Arguments.Action.checkConfig), ("--version", .version), ("--help", .help), ("-h", .help),
    ])
    func actions(_ word: String, _ action: Arguments.Action) throws {
        #expect(try Arguments([word]).action == action)
        #expect(try Arguments(["--config", "x", word]).action == action)
    }

    @Test func quietIsForAChecker() throws {
        #expect(try Arguments(["--check-config", "--quiet"]).isQuiet)
        #expect(try !Arguments(["--check-config"]).isQuiet)
        #expect(misuse(["--quiet"]) == "--quiet goes with --check-config")
    }

    @Test(arguments: ["--config", "--listen", "--admin-listen", "--state"])
    func aValueMustBeGiven(_ word: String) {
        #expect(misuse([word]) == "\(word) needs a value")
        #expect(misuse([word + "="]) == "\(word) needs a value")
        #expect(misuse([word, ""]) == "\(word) needs a value")
    }

    @Test(arguments: ["-c", "config", "--Config", "", "--", "--check-config=yes", "--version=", "--secret=x", "-h=1"])
    func whatIsUnknownIsTold(_ word: String) {
        #expect(misuse([word]) == "unknown argument: \(word)")
    }
}
