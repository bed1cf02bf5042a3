import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

/// ROLE_GRANT, ROLE_REVOKE, ROLE_DELETE, ROLE_SHOW and ROLE_LIST, and what tokens say after them.
struct RoleOperationsTests {
    private let harness = Harness(place: .admin)

    private func role(_ op: String, _ name: String = "user", _ permissions: [String]? = nil) async -> Reply {
        await harness.ask(op, ["role": name].merging(permissions.map { ["permissions": $0] } ?? [:]) { $1 } as [String: Any])
    }

    private func permissions(_ reply: Reply, of object: String) -> [String]? { reply.object(object)?["permissions"] as? [String] }

    private func authorize(_ token: String, _ permission: String) async -> Reply {
        await harness.ask("AUTHORIZE", ["token": token, "permissions": [permission]])
    }

    @Test func tokensSayWhatTheRoleAllowsAndTheUserMay() async throws {
        #expect(permissions(await role("ROLE_GRANT", "user", ["post:read", "own"]), of: "role") == ["post:read", "own"])
        let ada = await harness.register()
        #expect(permissions(ada, of: "user") == ["post:read", "own"])
        #expect(await harness.ask("USER_SET", ["user": "ada", "grant": ["own", "user:*"]]).isOK)
        let login = await harness.ask("LOGIN", ["login": "ada", "password": Harness.password])
        #expect(permissions(login, of: "user") == ["own", "user:*", "post:read"])
        let token = login.accessToken
        for permission in ["own", "user:delete", "post:read"] { #expect(await authorize(token, permission).isOK) }
        #expect(permissions(await harness.ask("PROFILE", ["token": token]), of: "user") == ["own", "user:*", "post:read"])
        // Administrators see what is the account's own.
        #expect(permissions(await harness.ask("USER_SHOW", ["user": "ada"]), of: "user") == ["own", "user:*"])
    }

    @Test func aChangeOfARoleHoldsAtOnceForAllWhoHaveIt() async throws {
        let first = await harness.register()
        let second = await harness.register("bob")
        #expect(await harness.ask("USER_SET", ["user": "bob", "role": "guest"]).isOK)
        let bob = await harness.ask("REFRESH", ["refresh_token": second.refreshToken])
        let tokens = [first.accessToken, bob.accessToken]
        for (op, permissions) in [("ROLE_GRANT", ["a", "b"]), ("ROLE_REVOKE", ["a"]), ("ROLE_DELETE", nil)] {
            let before = await harness.ask("LOGIN", ["login": "ada", "password": Harness.password])
            let token = before.accessToken
            #expect(await harness.ask("VERIFY", ["token": token]).isOK)
            #expect(await role(op, "user", permissions).isOK)
            for older in [token, tokens[0]] {
                let reply = await harness.ask("VERIFY", ["token": older])
                #expect(reply.error == "token_revoked" && reply.string("reason") == "stale", "\(op)")
            }
            #expect(await harness.ask("VERIFY", ["token": tokens[1]]).isOK, "another role is not touched")
            let after = await harness.ask("REFRESH", ["refresh_token": before.refreshToken])
            let fresh = after.accessToken
            #expect(await authorize(fresh, "b").isOK == (op != "ROLE_DELETE"))
            #expect(await authorize(fresh, "a").isOK == (op == "ROLE_GRANT"))
        }
    }

    @Test func whatChangesNothingLeavesTokensAlone() async throws {
        #expect(await role("ROLE_GRANT", "user", ["a"]).isOK)
        let token = await harness.register().accessToken
        #expect(await role("ROLE_GRANT", "user", ["a"]).isOK)
        #expect(await role("ROLE_REVOKE", "user", ["b"]).isOK)
        #expect(await role("ROLE_GRANT", "other", ["b"]).isOK)
        #expect(await harness.ask("VERIFY", ["token": token]).isOK)
    }

    /// A role that is made anew does not give older tokens what they lost with the old one.
    @Test func aRoleThatIsMadeAnewRevivesNoToken() async throws {
        #expect(await role("ROLE_GRANT", "user", ["a"]).isOK)
        let token = await harness.register().accessToken
        #expect(await role("ROLE_DELETE").isOK)
        #expect(await role("ROLE_GRANT", "user", ["b"]).isOK)
        #expect(await harness.ask("VERIFY", ["token": token]).error == "token_revoked")
    }

    @Test func changesAreForgottenWhenTheTokensHaveExpired() async throws {
        let token = await harness.register().accessToken
        #expect(await role("ROLE_GRANT", "user", ["a"]).isOK)
        #expect(harness.service.revocationCount == 1)
        harness.clock.advance(seconds: 900 + 30 + 3_600 + 1)
        try await harness.service.purge()
        #expect(harness.service.revocationCount == 0)
        #expect(await harness.ask("VERIFY", ["token": token]).error == "token_expired")
    }

    @Test func whatIsRefused() async {
        for op in ["ROLE_SHOW", "ROLE_REVOKE", "ROLE_DELETE"] {
            let reply = await role(op, "nobody", op == "ROLE_REVOKE" ? ["a"] : nil)
            #expect(reply.error == "invalid_field" && reply.field == "role")
        }
        for name in ["", "a b", "ä", String(repeating: "a", count: 65)] {
            #expect(await role("ROLE_GRANT", name, ["a"]).field == "role")
        }
        for permissions in [[], ["*"], [""], ["a", "*"]] {
            #expect(await role("ROLE_GRANT", "editor", permissions).field == "permissions")
        }
        #expect(await role("ROLE_GRANT").error == "missing_field")
        #expect(await role("ROLE_SHOW", "editor").error == "invalid_field", "nothing was made")
    }

    @Test func aRoleAlwaysFitsTheTokensOfItsUsers() async throws {
        let long = (0..<25).map { "permission-of-some-length-\($0)" }
        #expect(await role("ROLE_GRANT", "user", long).field == "permissions")
        let fitting = Array(long[..<15])
        #expect(await role("ROLE_GRANT", "user", fitting).isOK)
        #expect(await role("ROLE_GRANT", "user", [String(repeating: "x", count: 200)]).field == "permissions")
        // An account as full as it may be.
        #expect(await harness.register().isOK)
        var (least, most) = (0, 4_000)
        while most - least > 1 {
            let middle = (least + most) / 2
            let claims = ["text": String(repeating: "x", count: middle)]
            if await harness.ask("USER_SET", ["user": "ada", "claims": claims]).isOK { least = middle } else { most = middle }
        }
        #expect(least > 500)
        #expect(await harness.ask("LOGIN", ["login": "ada", "password": Harness.password]).isOK)
    }

    @Test func rolesAreListedPageByPage() async throws {
        let names = (0..<130).map { "role-\(1_000 + $0)" }
        for name in names.shuffled() { #expect(await role("ROLE_GRANT", name, ["a"]).isOK) }
        var seen: [String] = []
        var after: String?
        repeat {
            let reply = await harness.ask("ROLE_LIST", ["limit": 50, "after": after ?? null()])
            let page = try #require(reply.objects("roles"))
            #expect(page.count <= 50)
            seen += page.compactMap { $0["name"] as? String }
            after = reply.string("after")
        } while after != nil
        #expect(seen == names)
        #expect(await harness.ask("ROLE_LIST", ["limit": 0]).field == "limit")
    }

    @Test func theJournalSaysWhatWasChanged() async {
        #expect(await role("ROLE_GRANT", "editor", ["a"]).isOK)
        #expect(await role("ROLE_DELETE", "editor").isOK)
        let events = harness.log.events(.roleChanged)
        #expect(
            events.map(\.change) == [
                Event.Change(before: nil, after: #"{"permissions":["a"]}"#),
                Event.Change(before: #"{"permissions":["a"]}"#, after: nil),
            ])
        #expect(events.allSatisfy { $0.message.contains("the role is editor") && $0.priority == .info })
    }

    @Test func theStoreHasTheLastWord() async throws {
        let token = await harness.register().accessToken
        harness.store.fail([.editRole], with: UsherError(.storeUnavailable))
        #expect(await role("ROLE_GRANT", "user", ["a"]).error == "store_unavailable")
        #expect(await harness.ask("VERIFY", ["token": token]).isOK)
        #expect(await role("ROLE_SHOW").error == "invalid_field")
    }

    @Test func whatTheStoreDidLateIsTakenUp() async throws {
        let older = await harness.register().accessToken
        let unnoted: AuditNote<EditedRole> = { _ in nil }
        let edited = try await harness.store.editRole("user", until: .max, most: 9, audit: unnoted) { _ throws(UsherError) in
            [try Permission(granting: "a")]
        }
        await harness.service.recover([try #require(edited.revocation)])
        #expect(await harness.ask("VERIFY", ["token": older]).string("reason") == "stale")
        let login = await harness.ask("LOGIN", ["login": "ada", "password": Harness.password])
        #expect(await authorize(login.accessToken, "a").isOK)
    }

    @Test func permissionsCountAsTokensHaveThem() async throws {
        let fits = String(repeating: "x", count: 597)
        #expect(await role("ROLE_GRANT", "user", [fits]).isOK)
        for long in [fits + "x", String(repeating: "\u{1}", count: 100), String(repeating: "\"", count: 300)] {
            #expect(await role("ROLE_GRANT", "other", [long]).field == "permissions")
        }
        #expect(await role("ROLE_GRANT", "other", [String(repeating: "\u{1}", count: 99)]).isOK)
    }
}
