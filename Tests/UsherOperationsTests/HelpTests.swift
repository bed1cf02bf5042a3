import Foundation
import Testing
import UsherHarness
import UsherOperations
import UsherTesting

struct HelpTests {
    private let harness = Harness(place: .admin)

    @Test func listsEveryOperation() async throws {
        let operations = try #require(await harness.ask("HELP").objects("ops"))
        #expect(
            operations.map { $0["name"] as? String } == [
                "REGISTER", "LOGIN", "VERIFY", "AUTHORIZE", "REFRESH", "REVOKE", "PASSWORD", "RECOVER", "RESET", "CONFIRM",
                "PROFILE", "SESSIONS", "DELETE", "TOTP", "IMPORT", "EXPORT", "BACKUP",
                "USER_ADD", "USER_SHOW", "USER_LIST", "USER_SET", "USER_DELETE", "USER_SESSIONS", "USER_LOGOUT", "ROLE_LIST",
                "ROLE_SHOW", "ROLE_GRANT", "ROLE_REVOKE", "ROLE_DELETE", "AUDIT", "STATUS", "CLIENTS", "METRICS", "MONITOR",
                "PING",
                "HELP",
            ])
        for operation in operations {
            let name = try #require(operation["name"] as? String)
            let isForAdministrators =
                ["IMPORT", "EXPORT", "BACKUP", "AUDIT", "STATUS", "CLIENTS", "METRICS", "MONITOR"].contains(name)
                || name.hasPrefix("USER_")
                || name.hasPrefix("ROLE_")
            #expect(Set(operation.keys).subtracting(["socket"]) == ["name", "summary", "members", "example"])
            #expect(operation["socket"] as? String == (isForAdministrators ? "admin" : nil))
            #expect(!(try #require(operation["summary"] as? String)).contains("\n"))
        }
    }

    /// The examples are requests: none is the caller's mistake.
    @Test(arguments: Registry.operations.map(\.name))
    func theExampleIsARequest(_ name: String) async throws {
        let operations = try #require(await harness.ask("HELP", ["topic": name.lowercased()]).objects("ops"))
        #expect(operations.count == 1)
        let example = try #require(operations[0]["example"] as? String)
        let request = try #require(try JSONSerialization.jsonObject(with: Data(example.utf8)) as? [String: Any])
        #expect(request["op"] as? String == name)
        let reply = await harness.ask(example)
        #expect(
            reply.isOK || (400...401).contains(reply.integer("status") ?? 0) && reply.error != "missing_field"
                || reply.field == "password_hash" || ["user", "role"].contains(reply.field))
        #expect(reply.error != "bad_request")
        let members = try #require(operations[0]["members"] as? [[String: Any]]).compactMap { $0["name"] as? String }
        for member in request.keys where member != "op" { #expect(members.contains(member)) }
    }

    @Test func anUnknownTopicIsTold() async {
        for topic: Any in ["VERIFYY", "", 5] {
            let reply = await harness.ask("HELP", ["topic": topic])
            #expect(reply.error == "invalid_field")
            #expect(reply.field == "topic")
        }
        #expect(await harness.ask("HELP", ["topic": null()]).isOK)
    }
}
