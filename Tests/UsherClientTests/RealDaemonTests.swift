import Foundation
import Testing
import UsherClient
import UsherCrypto
import UsherModel

/// What the stand-in cannot tell: that the daemon takes what the client sends, and answers what the client understands.
@Suite(.timeLimit(.minutes(5))) struct RealDaemonTests {
    private static let password = "correct horse"

    private func failure<Result>(_ ask: () async throws -> Result) async -> ClientFailure? {
        do { _ = try await ask() } catch { return error as? ClientFailure }
        return nil
    }

    private func lost<Result>(_ ask: () async throws -> Result) async -> LostConnection.Reason? {
        reason(await failure(ask))
    }

    private func reason(_ failure: ClientFailure?) -> LostConnection.Reason? {
        guard case .lost(let lost) = failure else { return nil }
        return lost.reason
    }

    private func register(_ name: String, _ client: UsherClient) async throws -> Grant {
        let registration = try await client.register(username: name, email: "\(name)@example.org", password: Self.password)
        guard case .session(let grant) = registration else { throw CocoaError(.featureUnsupported) }
        return grant
    }

    @Test("From registering to logging out") func roundTrip() async throws {
        let daemon = try await RealDaemon()
        let client = UsherClient(path: daemon.path)
        let registered = try await register("ada", client)
        #expect(registered.user.string("username") == "ada")
        #expect(registered.expiresIn == .seconds(900) && registered.refreshExpiresIn == .seconds(7 * 86_400))
        #expect(try await client.verify(registered.accessToken).string("sub") == registered.user.string("id"))
        #expect(try await client.authorize(registered.accessToken, roles: ["admin", "user"]).string("role") == "user")

        let grant = try await client.login("ada@example.org", password: Self.password)
        let next = try await client.refresh(grant.refreshToken)
        #expect(next.refreshToken != grant.refreshToken && next.user.string("username") == "ada")
        #expect(try await client.revoke(next.accessToken))
        #expect(
            await failure { try await client.verify(next.accessToken) }?.refusal?.code
                == "token_revoked")
        #expect(try await client.verify(grant.accessToken).string("username") == "ada")
        #expect(try await client.revoke(next.refreshToken))
        #expect(try await !client.revoke(next.refreshToken))
        #expect(
            await failure { try await client.verify(grant.accessToken) }?.refusal?.code
                == "token_revoked")
        #expect(try await client.revoke(registered.accessToken, scope: .user))
        #expect(
            await failure { try await client.refresh(registered.refreshToken) }?.refusal?.code
                == "token_revoked")

        await client.close()
        #expect(try await !client.ping().isEmpty)
    }

    @Test("Audiences, and who the visitor is") func audienceAndVisitor() async throws {
        let daemon = try await RealDaemon("token.audiences = [\"web\", \"shop\"]")
        let client = UsherClient(path: daemon.path)
        let visitor = EndUser(address: "192.0.2.7", userAgent: "Tests \"7\"\n")
        _ = try await client.register(
            username: "ada", email: "ada@example.org", password: Self.password, audience: "shop", client: visitor)
        let grant = try await client.login("ada", password: Self.password, audience: "shop", client: visitor)
        #expect(try await client.verify(grant.accessToken, audience: "shop").string("aud") == "shop")
        #expect(try await client.authorize(grant.accessToken, roles: ["user"], audience: "shop").string("aud") == "shop")
        #expect(
            await failure { try await client.verify(grant.accessToken) }?.refusal?.code
                == "token_invalid")
        _ = try await client.refresh(grant.refreshToken, client: visitor)
        var request = Request("SESSIONS")
        request.set("token", grant.accessToken)
        request.set("audience", "shop")
        let sessions = try #require(try await client.call(request).objects("sessions"))
        #expect(sessions.count == 2)
        #expect(sessions.allSatisfy { String(decoding: $0.json, as: UTF8.self).contains("192.0.2.7") })
    }

    @Test("An account that must be confirmed first has no session") func confirmation() async throws {
        let daemon = try await RealDaemon("account.require_confirmed_email = true")
        let client = UsherClient(path: daemon.path)
        let registration = try await client.register(username: "ada", email: "ada@example.org", password: Self.password)
        guard case .toBeConfirmed(let user, let token) = registration else {
            Issue.record("\(registration)")
            return
        }
        #expect(user.bool("email_verified") == false)
        var request = Request("CONFIRM")
        request.set("confirmation_token", token)
        #expect(try await client.call(request).object("user")?.bool("email_verified") == true)
        #expect(try await client.login("ada", password: Self.password).user.string("username") == "ada")
    }

    private func askTOTP(_ client: UsherClient, _ action: String, _ grant: Grant, code: String? = nil) async throws -> ReplyObject
    {
        var request = Request("TOTP")
        request.set("action", action)
        request.set("token", grant.accessToken)
        request.set("password", Self.password)
        request.set("code", code)
        return try await client.call(request)
    }

    /// What an authenticator shows (RFC 6238).
    private func code(_ base32: String) -> String {
        var (secret, bits, count) = ([UInt8](), 0, 0)
        for letter in base32.utf8 {
            bits = bits << 5 | Int(letter >= UInt8(ascii: "A") ? letter - UInt8(ascii: "A") : letter - UInt8(ascii: "2") + 26)
            count += 5
            guard count >= 8 else { continue }
            count -= 8
            secret.append(UInt8(bits >> count))
            bits &= (1 << count) - 1
        }
        let step = UInt64(Date().timeIntervalSince1970) / 30
        let message = (0..<8).reversed().map { UInt8(truncatingIfNeeded: step >> ($0 * 8)) }
        let mac = OpenSSLHash().hmacSHA1(key: SecretBytes(copying: secret.span), message: message.span)
        let number = mac[Int(mac[19] & 15)...].prefix(4).reduce(0) { $0 << 8 | Int($1) } & 0x7fff_ffff
        return String(String(1_000_000 + number % 1_000_000).dropFirst())
    }

    @Test("A login in two steps") func secondFactor() async throws {
        let daemon = try await RealDaemon()
        let client = UsherClient(path: daemon.path)
        let grant = try await register("ada", client)
        let secret = try #require(try await askTOTP(client, "enrol", grant).string("secret"))
        let codes = try #require(try await askTOTP(client, "confirm", grant, code: code(secret)).strings("recovery_codes"))
        let refusal = try #require(await failure { try await client.login("ada", password: Self.password) }?.refusal)
        #expect(refusal.code == "otp_required" && refusal.status == 401)
        let challenge = try #require(refusal.reply.string("challenge"))
        #expect(await failure { try await client.finishLogin(challenge, code: "aaaa") }?.refusal?.code == "invalid_credentials")
        let finished = try await client.finishLogin(challenge, code: codes[0], client: EndUser(address: "192.0.2.7"))
        #expect(try await client.verify(finished.accessToken).string("username") == "ada")
    }

    @Test("A refusal of each kind, with what it carries") func refusals() async throws {
        let daemon = try await RealDaemon("socket.max_connections_per_uid = 2\nthrottle.login_failures = 1")
        let client = UsherClient(path: daemon.path)
        let grant = try await register("ada", client)

        let role = await failure { try await client.authorize(grant.accessToken, roles: ["admin"]) }
        guard case .denied(let denied) = role else {
            Issue.record("\(String(describing: role))")
            return
        }
        #expect(denied.code == "insufficient_role" && denied.status == 403 && denied.reply.strings("roles") == ["admin"])
        let visitor = EndUser(address: "192.0.2.7")
        let wrong = await failure {
            try await client.login("ada", password: "wrong", client: visitor)
        }
        #expect(wrong?.refusal?.code == "invalid_credentials" && wrong?.refusal?.retryAfter == nil)
        let throttled = await failure {
            try await client.login("ada", password: "wrong", client: visitor)
        }
        #expect(throttled?.refusal?.code == "rate_limited")
        #expect(try #require(throttled?.refusal?.retryAfter) > .seconds(60))

        for (failure, code, field) in [
            (
                await failure { try await client.authorize(grant.accessToken) }, "missing_field",
                "roles"
            ),
            (
                await failure {
                    try await client.register(username: "-", email: "e@x", password: "p")
                }, "invalid_field", "username"
            ),
            (await failure { try await client.call(Request("USER_LIST")) }, "forbidden_op", nil),
            (await failure { try await client.call(Request("DANCE")) }, "unknown_op", nil),
        ] {
            guard case .misuse(let refusal) = failure else {
                Issue.record("\(code): \(String(describing: failure))")
                continue
            }
            #expect(refusal.code == code && refusal.reply.string("field") == field)
        }

        // A third connection of this user is turned away at the door.
        let second = UsherClient(path: daemon.path)
        _ = try await second.ping()
        let busy = await failure { try await UsherClient(path: daemon.path).ping() }
        guard case .retryLater(let refusal) = busy else {
            Issue.record("\(String(describing: busy))")
            return
        }
        #expect(refusal.code == "busy" && refusal.status == 503)
        #expect(try #require(refusal.retryAfter) > .zero)
        #expect(try await client.verify(grant.accessToken).string("username") == "ada")
    }

    @Test("A daemon that was killed and started again is the same to a client", arguments: [SIGTERM, SIGKILL])
    func restart(_ signal: Int32) async throws {
        let daemon = try await RealDaemon()
        let client = UsherClient(path: daemon.path)
        let kept = try await register("ada", client)
        let revoked = try await register("hedy", client)
        #expect(try await client.revoke(revoked.refreshToken))
        daemon.end(signal)
        #expect(await lost { try await client.verify(kept.accessToken) } == .unreachable)
        try await daemon.start()
        #expect(try await client.verify(kept.accessToken).string("username") == "ada")
        #expect(
            await failure { try await client.verify(revoked.accessToken) }?.refusal?.code
                == "token_revoked")
    }

    @Test("One that dies over a request: VERIFY is asked again of the next, REGISTER is not") func death() async throws {
        let next = try await RealDaemon()
        for isRepeated in [true, false] {
            let daemon = try await RealDaemon()
            let link = daemon.path + "-link"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: daemon.path)
            let client = UsherClient(path: link, timeout: .seconds(120))
            let grant = try await register("ada", client)
            daemon.pause()
            let asked = Task { () -> ClientFailure? in
                await failure {
                    if isRepeated {
                        _ = try await client.verify(grant.accessToken)
                    } else {
                        _ = try await client.register(username: "hedy", email: "hedy@example.org", password: Self.password)
                    }
                }
            }
            try await Task.sleep(for: .seconds(1))
            try FileManager.default.removeItem(atPath: link)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: next.path)
            daemon.end(SIGKILL)
            let found = await asked.value
            if isRepeated {
                // The next one has another secret, and says so: it was asked.
                #expect(found?.refusal?.code == "token_invalid")
            } else {
                #expect(reason(found) == .ended)
                #expect(
                    await failure { try await client.login("hedy", password: Self.password) }?
                        .refusal?.code
                        == "invalid_credentials")
            }
        }
    }

    @Test("After a time-out the next visitor gets their own claims") func timeOut() async throws {
        let daemon = try await RealDaemon()
        let client = UsherClient(path: daemon.path)
        let (ada, hedy) = (try await register("ada", client), try await register("hedy", client))
        daemon.pause()
        var request = Request("VERIFY")
        request.set("token", ada.accessToken)
        let late = request
        #expect(await lost { try await client.call(late, timeout: .milliseconds(100)) } == .timedOut)
        daemon.resume()
        #expect(try await client.verify(hedy.accessToken).string("username") == "hedy")
    }

    @Test("A cancelled request is over at once, and the client goes on") func cancellation() async throws {
        let daemon = try await RealDaemon()
        let client = UsherClient(path: daemon.path, timeout: .seconds(240))
        let grant = try await register("ada", client)
        daemon.pause()
        let asked = Task { await lost { try await client.verify(grant.accessToken) } }
        try await Task.sleep(for: .milliseconds(100))
        asked.cancel()
        #expect(await asked.value == .cancelled)
        daemon.resume()
        #expect(try await client.verify(grant.accessToken).string("username") == "ada")
    }

    @Test("What happens can be watched, until the daemon ends") func watching() async throws {
        let daemon = try await RealDaemon()
        let watcher = UsherClient(path: daemon.adminPath)
        _ = try await watcher.watch(Request("MONITOR"))
        _ = try await register("ada", UsherClient(path: daemon.path))
        #expect(try await String(decoding: watcher.nextEvent().json, as: UTF8.self).contains("ada"))
        daemon.end()
        #expect(await failure { while true { _ = try await watcher.nextEvent() } } != nil)
        #expect(await lost { try await watcher.nextEvent() } == .ended)
    }
}
