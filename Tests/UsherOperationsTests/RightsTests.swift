import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

/// What a peer is told who asks for more than the rules give.
struct RightsTests {
    private let harness: Harness

    init() {
        var tokens = TokenSettings()
        tokens.audiences = ["site", "shop", "blog"]
        harness = Harness(tokens: tokens)
    }

    /// From now on the peer has these rights.
    private func allow(_ operations: [String]? = nil, _ change: (inout Rule) -> Void = { _ in }) {
        var rule = Rule(operations: operations.map { OperationSet($0) } ?? .all(at: .app))
        change(&rule)
        harness.rights = Rights(rule, number: 2, at: harness.clock.monotonicMilliseconds())
    }

    @Test func whatIsNotAllowedIsForbiddenAndTold() async {
        allow(["VERIFY", "AUTHORIZE"])
        for line in [
            #"{"op":"LOGIN","login":"ada","password":"x","id":5}"#, #"{"op":"recover"}"#, #"{"op":"REV\u004fKE","token":5}"#,
        ] {
            let reply = await harness.ask(line)
            #expect(reply.error == "forbidden_op" && reply.integer("status") == 403)
            let event = harness.log.events.last
            #expect(event?.kind == .refused && event?.priority == .notice && event?.result == "forbidden_op")
            #expect(event?.peer == harness.caller.peer)
            #expect(event?.message.contains("rule[2]") == true)
            #expect(!reply.line.contains("rule["))
        }
        #expect(await harness.ask("PING").isOK)
        #expect(await harness.ask("HELP").isOK)
        #expect(await harness.verify("x.y.z").error == "token_invalid")
        #expect(await harness.ask("EXPORT", [:]).string("message")?.contains("admin socket") == true)
    }

    @Test func recoverCanBeDenied() async {
        _ = await harness.register()
        allow(["LOGIN"])
        #expect(await harness.login().isOK)
        #expect(await harness.ask("RECOVER", ["email": "ada@example.org"]).error == "forbidden_op")
    }

    // MARK: The rate

    @Test func aRateThatIsExceededIsRetriedLater() async {
        allow { $0.rate = Rate("2/m") }
        #expect(await harness.ask("PING").isOK)
        #expect(await harness.ask("NONE", [:]).error == "unknown_op")
        let reply = await harness.ask(#"{"op":"PING","id":"x"}"#)
        #expect(reply.error == "busy" && reply.integer("retry_after_ms") == 30_000 && reply.has("id"))
        harness.clock.advance(milliseconds: 30_000)
        #expect(await harness.ask("PING").isOK)
        #expect(await harness.ask("PING").error == "busy")
    }

    @Test func theJournalIsToldOfItOnceInAWhile() async {
        allow { $0.rate = Rate("1/h") }
        for _ in 0..<100 { _ = await harness.ask("PING") }
        func told() -> [Event] { harness.log.events.filter { $0.kind == .limit } }
        #expect(told().count == 1)
        #expect(told().first?.priority == .notice && told().first?.peer == harness.caller.peer)
        #expect(told().first?.message.contains("rule[2]") == true)
        harness.clock.advance(milliseconds: Limits.floodWindow)
        _ = await harness.ask("PING")
        #expect(told().count == 2)
    }

    // MARK: The end user's address

    @Test func whoIsNotTrustedTellsNoAddress() async {
        allow()
        let address = ["client": ["ip": "192.0.2.1"]]
        for reply in [await harness.login("ada", "x", address), await harness.register("ada", address)] {
            #expect(reply.error == "forbidden_op")
            #expect(reply.string("message")?.contains("client") == true)
        }
        #expect(await harness.register("ada", ["client": ["user_agent": "Firefox"]]).isOK)
        #expect(await harness.login("ada", Harness.password, ["client": ["ip": "192.0.2"]]).error == "invalid_field")
        allow { $0.mayNameAddresses = true }
        #expect(await harness.login("ada", Harness.password, address).isOK)
    }

    // MARK: Audiences

    @Test func whoMayAskForSomeAudiencesGetsTheFirst() async {
        allow { $0.audiences = ["shop", "blog"] }
        let session = await harness.register()
        let token = session.accessToken
        #expect(claims(of: token)["aud"] as? String == "shop")
        #expect(await harness.verify(token).isOK)
        #expect(await harness.verify(token, ["audience": "shop"]).isOK)
        #expect(await harness.verify(token, ["audience": "blog"]).error == "token_invalid")
        #expect(await harness.verify(token, ["audience": "site"]).error == "forbidden_op")
        #expect(await harness.verify(token, ["audience": "site", "optional": true]).error == "forbidden_op")
        #expect(await harness.ask("PROFILE", ["token": token]).isOK)
        #expect(await harness.ask("PROFILE", ["token": token, "audience": "site"]).error == "forbidden_op")
        #expect(await harness.ask("AUTHORIZE", ["token": token, "roles": ["user"]]).isOK)
        #expect(await harness.login("ada", Harness.password, ["audience": "blog"]).isOK)
        #expect(await harness.login("ada", Harness.password, ["audience": "site"]).error == "forbidden_op")
        #expect(await harness.login("ada", Harness.password, ["audience": "none"]).error == "invalid_field")
    }

    @Test func aTokenForOneAppIsRefusedForAnother() async {
        allow { $0.audiences = ["shop"] }
        let session = await harness.register()
        let (access, refresh) = (session.accessToken, session.refreshToken)
        allow { $0.audiences = ["blog"] }
        #expect(await harness.verify(access).error == "token_invalid")
        #expect(await harness.ask("SESSIONS", ["token": access]).error == "token_invalid")
        #expect(await harness.refresh(refresh).error == "token_invalid")
        // Nothing has happened to the session.
        allow { $0.audiences = ["shop"] }
        #expect(await harness.verify(access).isOK)
        #expect(await harness.refresh(refresh).isOK)
    }

    @Test func aLoginBegunWithOneAppIsNotCompletedWithAnother() async throws {
        allow { $0.audiences = ["shop"] }
        let (authenticator, _) = try await harness.registerWithAuthenticator()
        let challenge = try #require((await harness.login()).string("challenge"))
        allow { $0.audiences = ["blog"] }
        let reply = await harness.ask("LOGIN", ["challenge": challenge, "code": authenticator.code()])
        #expect(reply.error == "token_invalid")
        allow { $0.audiences = ["shop"] }
        #expect(await harness.ask("LOGIN", ["challenge": challenge, "code": authenticator.code()]).isOK)
    }
}
