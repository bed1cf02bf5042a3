import Foundation
import Testing
import UsherClient

@Suite struct ReadmeTests {
    @Test(
        "What README.md shows", arguments: [("correct horse", "ada"), ("wrong horse", "401 The name or the password is wrong.")])
    func login(_ password: String, _ expected: String) async throws {
        let daemon = try await RealDaemon()
        let usher = UsherClient(path: daemon.path)
        _ = try await usher.register(
            username: "ada", email: "ada@example.org", password: password == "correct horse" ? password : "x1 " + password)
        var said = ""
        func print(_ words: Any...) { said = words.map { "\($0)" }.joined(separator: " ") }

        // As it stands there, but for the first line and the password.
        do {
            let grant = try await usher.login("ada", password: password)
            print(try await usher.verify(grant.accessToken).string("username") ?? "")
        } catch {
            switch error {
            case .denied(let refusal): print(refusal.status, refusal.message)
            case .retryLater, .misuse, .lost: throw error
            }
        }
        #expect(said == expected)
    }

    @Test("Which is what is tested here") func isTested() throws {
        let here = URL(filePath: #filePath)
        let readme = try String(contentsOf: here.appending(path: "../../../README.md").standardized, encoding: .utf8)
        let shown = try #require(readme.split(separator: "```swift\n").last?.split(separator: "```").first)
        let lines = shown.replacing("\"correct horse\"", with: "password").split(separator: "\n").dropFirst()
        #expect(shown.hasPrefix("let usher = UsherClient()\n") && lines.count > 5)
        let tested = try String(contentsOf: here, encoding: .utf8).split(separator: "\n").map { $0.drop { $0 == " " } }
        #expect(tested.contains(lines.map { $0.drop { $0 == " " } }))
    }
}
