import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct AuthorizeTests {
    private let harness = Harness()

    /// A token of a role and of permissions.
    private func token(_ role: String = "editor", _ permissions: [String] = ["post:edit", "user:*", "*"]) async throws -> String {
        let user = try #require(harness.userID(await harness.register()))
        harness.store.inner.edit(user) {
            $0.user.role = role
            $0.user.permissions = permissions.map(Permission.init(stored:))
        }
        return await harness.login().accessToken
    }

    private func ask(_ token: String, _ roles: [String]?, _ permissions: [String]?) async -> Reply {
        var members: [String: Any] = ["token": token]
        members["roles"] = roles
        members["permissions"] = permissions
        return await harness.ask("AUTHORIZE", members)
    }

    @Test func anyOfTheRolesAndAllOfThePermissions() async throws {
        let token = try await token()
        let reply = await ask(token, ["admin", "editor"], ["post:edit", "user:delete", "user:avatar:edit"])
        #expect(reply.isOK)
        #expect(Set(reply.members.keys) == ["ok", "claims"])
        #expect(reply.claims?["role"] as? String == "editor")
        #expect(await ask(token, ["editor"], nil).isOK)
        #expect(await ask(token, nil, ["post:edit"]).isOK)
    }

    @Test func whatLacksIsNamedRolesFirst() async throws {
        let token = try await token()
        let role = await ask(token, ["admin", "root"], ["no:such"])
        #expect(role.error == "insufficient_role")
        #expect(role.integer("status") == 403)
        #expect(role.strings("roles") == ["admin", "root"])
        #expect(!role.has("permissions"))
        let permission = await ask(token, ["editor"], ["post:edit", "post:delete", "user:x", "mail:send"])
        #expect(permission.error == "insufficient_permission")
        #expect(permission.strings("permissions") == ["post:delete", "mail:send"])
        #expect(!permission.has("claims"))
    }

    @Test(arguments: [
        ("user:delete", true), ("user:avatar:edit", true), ("user:*", true), ("user", false), ("user:", false),
        ("users:delete", false), ("User:delete", false), ("*", true), ("post:*", false), ("post", false), ("anything", false),
    ])
    func wildcardsGrantWhatIsBelow(_ asked: String, _ isGranted: Bool) async throws {
        #expect(await ask(try await token(), nil, [asked]).isOK == isGranted)
    }

    @Test func aTokenWithoutRoleOrPermissionsHasNone() async {
        let token = Secrets.access.token(foreignClaims(harness))
        #expect(await ask(token, ["user"], nil).error == "insufficient_role")
        let reply = await ask(token, nil, ["a", "b"])
        #expect(reply.error == "insufficient_permission")
        #expect(reply.strings("permissions") == ["a", "b"])
    }

    @Test func aListMustBeGiven() async throws {
        let token = try await token()
        for members: [String: Any] in [[:], ["roles": null()], ["roles": null(), "permissions": null()]] {
            let reply = await harness.ask("AUTHORIZE", members.merging(["token": token]) { _, new in new })
            #expect(reply.error == "missing_field")
            #expect(reply.field == "roles")
        }
        let wrong: [Any] = [[String](), "admin", ["admin", 5] as [Any], [""], ["admin", null()] as [Any], [["admin"]], 5, true]
        for name in ["roles", "permissions"] {
            for value in wrong {
                let reply = await harness.ask("AUTHORIZE", ["token": token, name: value])
                #expect(reply.error == "invalid_field", "\(value)")
                #expect(reply.field == name)
            }
        }
    }

    @Test func theNumberOfNamesIsBounded() async throws {
        let token = try await token()
        #expect(await ask(token, Array(repeating: "editor", count: 256), nil).isOK)
        #expect(await ask(token, Array(repeating: "editor", count: 257), nil).error == "invalid_field")
    }

    @Test func tokenFaultsAreVerifysAndOptionalIsIgnored() async throws {
        let token = try await token()
        for optional in [true, false] {
            let reply = await harness.ask("AUTHORIZE", ["roles": ["x"], "optional": optional])
            #expect(reply.error == "token_required")
        }
        #expect(await harness.ask("AUTHORIZE", ["roles": ["editor"], "optional": "?", "token": token]).isOK)
        #expect(
            await harness.ask("AUTHORIZE", ["roles": ["editor"], "audience": "other", "token": token]).error == "token_invalid")
        #expect(await harness.ask("AUTHORIZE", ["roles": ["editor"], "authorization": "bearer " + token]).isOK)
        _ = await harness.revoke(token)
        #expect(await ask(token, ["editor"], nil).error == "token_revoked")
        harness.clock.advance(seconds: 1000)
        #expect(await ask(token, ["admin"], nil).error == "token_expired")
    }

    /// Names are compared by their meaning.
    @Test func escapesMakeNoDifference() async throws {
        let token = try await token("rédacteur", ["naïve:*"])
        let line = #"{"op":"authorize","token":"\#(token)","roles":["r\u00e9dacteur"],"permissions":["na\u00efve:x"]}"#
        #expect(await harness.ask(line).isOK)
    }
}
