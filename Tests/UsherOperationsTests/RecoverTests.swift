import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct RecoverTests {
    private let harness = Harness()

    private func recover(_ email: String, _ more: [String: Any] = [:]) async -> Reply {
        await harness.ask("RECOVER", (["email": email] as [String: Any]).merging(more) { _, other in other })
    }

    @Test func aTokenForTheEmailOfAnAccount() async throws {
        _ = await harness.register("Ada")
        let reply = await recover("ADA@EXAMPLE.ORG", ["client": ["ip": "192.0.2.7"]])
        #expect(reply.isOK)
        #expect(Set(reply.members.keys) == ["ok", "reset_token", "expires_in", "email"])
        let token = try #require(reply.string("reset_token"))
        #expect(token.utf8.count == 43)
        #expect(reply.integer("expires_in") == 1_800)
        // Where it is to be sent is not for the visitor to say.
        #expect(reply.string("email") == "Ada@example.org")
        let event = try #require(harness.log.events(.recover).last)
        #expect(event.user == "Ada" && event.result == "ok" && event.clientAddress?.description == "192.0.2.7")
        #expect(!harness.log.events.contains { $0.message.contains(token) })
        #expect(await recover("ada@example.org").string("reset_token") != token)
    }

    @Test func nullForWhomThereIsNone() async throws {
        let user = try #require(harness.userID(await harness.register()))
        harness.store.inner.edit(user) { $0.isDisabled = true }
        for email in ["nobody@example.org", "ada@example.org"] {
            let before = harness.store.made.count
            let reply = await recover(email)
            #expect(reply.isOK)
            #expect(Set(reply.members.keys) == ["ok", "reset_token"])
            #expect(reply.isNull("reset_token"))
            #expect(harness.store.made.dropFirst(before) == [.issue])
            let event = harness.log.events(.recover).last
            #expect(event?.user == nil && event?.result == "ok" && event?.message.contains("no account") == true)
        }
        #expect(harness.hasher.counts.verifications == 0)
    }

    @Test func whatIsNoEmailIsRefused() async {
        for email in ["", "ada", "a@b@c", "ada@-x"] {
            let reply = await recover(email)
            #expect(reply.error == "invalid_field" && reply.field == "email")
        }
        #expect(await harness.ask("RECOVER", [:]).field == "email")
        #expect(await harness.ask("RECOVER", ["email": 5]).field == "email")
        #expect(await recover("ada@example.org", ["client": ["ip": "x"]]).field == "client")
    }

    @Test func failuresOfOursLookLikeNothingElse() async {
        _ = await harness.register()
        for error in [UsherError.storeUnavailable(cause: "the disk is full"), .busy] {
            harness.store.fail([.issue], with: error)
            let reply = await recover("ada@example.org")
            #expect(reply.error == error.code.rawValue)
            #expect(!reply.has("reset_token"))
        }
    }
}
