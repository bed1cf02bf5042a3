import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct AuditTests {
    @Test func oneEventForEachThatMatters() async throws {
        let harness = Harness(threshold: .info)
        let client: [String: Any] = ["client": ["ip": "192.0.2.7"]]
        let first = await harness.ask(
            "REGISTER",
            ["id": "r1", "username": "ada", "email": "a@x", "password": Harness.password].merging(client) { _, new in new })
        _ = await harness.login("ada", Harness.password, client)
        _ = await harness.login("ada", "wrong password", client)
        _ = await harness.login("nobody")
        _ = await harness.verify(first.accessToken)
        _ = await harness.ask("PING")
        _ = await harness.ask("HELP")
        _ = await harness.ask("nonsense")
        _ = await harness.ask("NONE", [:])
        let second = await harness.refresh(first.refreshToken)
        let third = await harness.refresh(second.refreshToken)
        _ = await harness.refresh(first.refreshToken)
        _ = await harness.revoke(third.accessToken)
        _ = await harness.register("ada")
        _ = await harness.ask("LOGIN", [:])

        let events = harness.log.events
        #expect(events.map(\.kind) == [.register, .login, .login, .login, .refreshReuse, .revoke, .register, .login])
        #expect(
            events.map(\.result) == [
                "ok", "ok", "invalid_credentials", "invalid_credentials", "refresh_token_reused", "ok", "account_exists",
                "missing_field",
            ])
        #expect(events.map(\.op) == ["REGISTER", "LOGIN", "LOGIN", "LOGIN", "REFRESH", "REVOKE", "REGISTER", "LOGIN"])
        #expect(events.map(\.priority) == [.info, .info, .notice, .notice, .warning, .info, .notice, .notice])
        #expect(events[0].user == "ada")
        #expect(events[0].userID == harness.userID(first))
        #expect(events[0].request == "r1")
        #expect(events[0].peer == harness.caller.peer)
        for event in events[0...2] { #expect(event.clientAddress?.description == "192.0.2.7") }
        #expect(events[2].user == "ada")
        #expect(events[3].user == nil)
        #expect(events[4].user == "ada")
    }

    @Test func secondFactorsHaveEventsOfTheirOwn() async throws {
        let harness = Harness(threshold: .info)
        let token = await harness.register().accessToken
        harness.log.clear()
        let client: [String: Any] = ["ip": "192.0.2.7"]
        _ = await harness.ask(
            "TOTP", ["action": "enrol", "token": token, "password": Harness.password, "client": client])
        _ = await harness.ask("TOTP", ["action": "confirm", "token": token, "code": "no code", "client": client])
        let events = harness.log.events
        #expect(events.map(\.kind) == [.totp, .totp])
        #expect(events.map(\.result) == ["ok", "invalid_credentials"])
        #expect(events.map(\.priority) == [.info, .notice])
        #expect(events[0].message.hasPrefix("TOTP granted; a secret was handed out"))
        for event in events {
            #expect((event.op, event.user, event.clientAddress?.description) == ("TOTP", "ada", "192.0.2.7"))
        }
    }

    @Test func verifyAndTheLikeOnlyAtDebug() async {
        let harness = Harness()
        let first = await harness.register()
        harness.log.clear()
        _ = await harness.verify(first.accessToken)
        _ = await harness.verify("x")
        _ = await harness.ask("AUTHORIZE", ["token": first.accessToken, "roles": ["root"]])
        _ = await harness.refresh(first.refreshToken)
        #expect(harness.log.events.map(\.kind) == [.verify, .verify, .verify, .refresh])
        #expect(harness.log.events.map(\.result) == ["ok", "token_invalid", "insufficient_role", "ok"])
        #expect(harness.log.events.allSatisfy { $0.priority == .debug })
        harness.log.clear()
        _ = await harness.ask("PING")
        #expect(harness.log.events.isEmpty)
    }

    @Test func whatUsersDoWithTheirAccountsIsTold() async {
        let harness = Harness(threshold: .info)
        let first = await harness.register()
        harness.log.clear()
        func ask(_ op: String, _ token: String, _ more: [String: Any] = [:]) async -> Reply {
            await harness.ask(op, more.merging(["token": token]) { _, token in token })
        }
        _ = await ask("PROFILE", first.accessToken)
        _ = await ask("SESSIONS", first.accessToken)
        _ = await ask("SESSIONS", "x")
        _ = await ask("PROFILE", first.accessToken, ["username": "ada.l"])
        let second = await harness.refresh(first.refreshToken)
        _ = await ask("DELETE", second.accessToken, ["password": "wrong horse"])
        _ = await ask("DELETE", second.accessToken, ["password": Harness.password])
        let events = harness.log.events
        #expect(events.map(\.kind) == [.sessions, .profile, .delete, .delete])
        #expect(events.map(\.result) == ["ok", "ok", "invalid_credentials", "ok"])
        #expect(events.map(\.priority) == [.info, .info, .notice, .info])
        #expect(events.map(\.user) == ["ada", "ada.l", "ada.l", "ada.l"])
        #expect(events[1].message.hasSuffix("; the username was ada"))
        #expect(events.allSatisfy { $0.userID == harness.userID(first) })
    }

    @Test func failuresOfOursAreErrors() async {
        let harness = Harness(threshold: .info)
        let first = await harness.register()
        harness.log.clear()
        harness.store.fail(
            [.lookUp, .create, .takenField, .update, .revoke], with: .storeUnavailable(cause: "the disk is full"))
        _ = await harness.login()
        _ = await harness.register("bob")
        _ = await harness.refresh(first.refreshToken)
        _ = await harness.revoke(first.accessToken)
        #expect(harness.log.events.map(\.kind) == [.failure, .failure, .failure, .failure])
        #expect(harness.log.events.allSatisfy { $0.priority == .error && $0.message.contains("the disk is full") })
        #expect(harness.log.events.map(\.op) == ["LOGIN", "REGISTER", "REFRESH", "REVOKE"])
        harness.log.clear()
        harness.store.fail([.lookUp], with: .busy)
        _ = await harness.login()
        #expect(harness.log.events.map(\.kind) == [.login])
        #expect(harness.log.events.map(\.result) == ["busy"])
    }

    /// A whole session, with every failure on the way: no event holds even a part of a secret.
    @Test func noEventHoldsASecret() async throws {
        let harness = Harness()
        var secrets = [Harness.password, "wrong horse battery", "another secret"]
        func keep(_ reply: Reply) -> Reply {
            if reply.isOK { secrets += [reply.accessToken, reply.refreshToken] }
            return reply
        }
        let first = keep(await harness.register())
        let second = keep(await harness.login())
        _ = await harness.login("ada", "wrong horse battery")
        _ = await harness.register("ada", ["password": "another secret"])
        _ = await harness.register("b", ["password": "short!"])
        secrets.append("short!")
        let third = keep(await harness.refresh(first.refreshToken))
        let fourth = keep(await harness.refresh(third.refreshToken))
        for reply in [first, second, third, fourth] {
            _ = await harness.verify(reply.accessToken)
            _ = await harness.verify(reply.accessToken + "x")
            _ = await harness.ask("VERIFY", ["authorization": "Bearer " + reply.accessToken])
            _ = await harness.ask("AUTHORIZE", ["token": reply.accessToken, "roles": ["root"]])
            _ = await harness.ask("{\"op\":\"VERIFY\",\"token\":\"\(reply.accessToken)\"")
        }
        _ = await harness.refresh(first.refreshToken)
        _ = await harness.refresh(fourth.refreshToken)
        harness.store.fail([.lookUp, .update, .revoke, .endSessions], with: UsherError(.internal, cause: "broken"))
        _ = await harness.login()
        for scope in ["token", "session", "user"] { _ = await harness.revoke(second.accessToken, scope) }
        harness.store.fail([.lookUp, .update, .revoke, .endSessions], with: nil)
        _ = await harness.revoke(second.refreshToken)
        _ = await harness.revoke(second.accessToken, "user")
        let hash = try #require(try await harness.store.lookUp(.username(Username(parsing: "ada"))).account).passwordHash.text
        secrets.append(hash)
        if let seed = harness.session(of: first.accessToken)?.seed {
            secrets.append(base64url(seed.bytes.withBytes { bytes in bytes.indices.map { bytes[$0] } }))
        }

        let events = harness.log.events
        #expect(events.count > 30)
        let text = events.map { "\($0)" }.joined(separator: "\n")
        for secret in secrets {
            // Of passwords and hashes the whole; of tokens, which share their beginnings, the signature and claims.
            for part in secret.split(separator: ".").dropFirst(secret.hasPrefix("eyJ") ? 1 : 0) {
                for start in stride(from: 0, to: max(part.count - 8, 1), by: 4) {
                    let piece = part.dropFirst(start).prefix(8)
                    #expect(!text.contains(piece), "\(piece)")
                }
            }
        }
    }
}
