import Testing
import UsherModel

@Suite struct PermissionTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let granted: String
        let asked: String
        let covers: Bool
        var testDescription: String { "\(granted) \(covers ? "grants" : "does not grant") \(asked)" }

        init(_ granted: String, _ asked: String, _ covers: Bool) {
            self.granted = granted
            self.asked = asked
            self.covers = covers
        }
    }

    @Test(arguments: [
        Row("post:edit", "post:edit", true),
        Row("post:edit", "post:edi", false),
        Row("post:edit", "post:edit:x", false),
        Row("post:edit", "Post:edit", false),
        Row("user:*", "user:delete", true),
        Row("user:*", "user:avatar:edit", true),
        Row("user:*", "user", false),
        Row("user:*", "user:", false),
        Row("user:*", "users:delete", false),
        Row("user:*", "User:delete", false),
        Row("user:*", "xuser:delete", false),
        Row("user:*", "", false),
        // A `*` that is asked for is literal: it is below `user:` as any other word.
        Row("user:*", "user:*", true),
        Row("user:*", "user:avatar:*", true),
        Row("user:delete", "user:*", false),
        Row("user:*", "*", false),
        Row("user:avatar:*", "user:*", false),
        Row("user:avatar:*", "user:avatar:edit", true),
        Row("user:avatar:*", "user:name:edit", false),
        // A bare `*` grants itself and nothing else.
        Row("*", "*", true),
        Row("*", "user", false),
        Row("*", "user:delete", false),
        Row("*", "", false),
        // A `*` anywhere but behind a last colon stands for itself.
        Row("user*", "user", false),
        Row("user*", "users", false),
        Row("user*", "user*", true),
        Row("user:*:edit", "user:avatar:edit", false),
        Row("user:*:edit", "user:*:edit", true),
        Row("*:edit", "user:edit", false),
        Row("user:**", "user:delete", false),
        Row("user:**", "user:**", true),
        Row(":*", ":x", false),
        Row(":*", ":*", true),
        Row("a:*", "a:b", true),
        Row("é:*", "é:x", true),
    ])
    func coverage(_ row: Row) {
        let asked = Array(row.asked.utf8)
        let granted = Array(row.granted.utf8)
        #expect(Permission.isCovered(asked.span, by: granted.span) == row.covers)
    }

    @Test(arguments: ["post:edit", "user:*", "**", "*:x", "a"])
    func grantable(_ raw: String) throws {
        #expect(try Permission(granting: raw).text == raw)
    }

    @Test(arguments: ["", "*"])
    func ungrantable(_ raw: String) {
        let fault = #expect(throws: UsherError.self) { try Permission(granting: raw) }
        #expect(fault?.code == .invalidField)
        #expect(fault?.detail == .field("permissions"))
    }
}
