import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

/// LOGIN and REGISTER under the throttle.
struct ThrottlingTests {
    private func from(_ ip: String) -> [String: Any] { ["client": ["ip": ip]] }

    private func fail(_ harness: Harness, _ name: String = "ada", _ ip: String? = "192.0.2.1") async -> Reply {
        await harness.login(name, "wrong password", ip.map(from) ?? [:])
    }

    private func left(_ reply: Reply) -> [Int64?] { ["limit", "remaining", "reset"].map { reply.integer($0) } }

    @Test func thePairIsRefusedBeforeAnythingIsHashed() async {
        let harness = Harness()
        _ = await harness.register()
        let before = harness.hasher.counts.verifications
        for number in 1...5 as ClosedRange<Int64> {
            let reply = await fail(harness)
            #expect(reply.error == "invalid_credentials")
            #expect(left(reply) == [5, 5 - number, 900])
        }
        harness.clock.advance(milliseconds: 500)
        for password in ["wrong password", Harness.password] {
            let reply = await harness.login("ADA", password, from("192.0.2.1"))
            #expect(reply.error == "rate_limited" && reply.integer("status") == 429)
            #expect(reply.integer("retry_after") == 900)
            #expect(left(reply) == [5, 0, 900])
        }
        #expect(harness.hasher.counts.verifications == before + 5)
        // From elsewhere it is open, and here it is once the window is over.
        #expect(await harness.login("ada", Harness.password, from("192.0.2.2")).isOK)
        harness.clock.advance(milliseconds: 899_500)
        #expect(await harness.login("ada", Harness.password, from("192.0.2.1")).isOK)
    }

    @Test func unknownNamesCountLikeKnownOnes() async {
        let harness = Harness()
        _ = await harness.register()
        for (number, name) in ["ada", "nobody", "NOBODY@example.org", "a b"].enumerated() {
            var replies: [Reply] = []
            for _ in 0..<7 { replies.append(await fail(harness, name, "192.0.2.\(number)")) }
            #expect(replies.map(\.error) == Array(repeating: "invalid_credentials", count: 5) + ["rate_limited", "rate_limited"])
            #expect(replies.map { $0.integer("remaining") } == [4, 3, 2, 1, 0, 0, 0])
            #expect(Set(replies.suffix(2).map(\.line)).count == 1)
        }
    }

    @Test func bothNamesOfAnAccountCountTogether() async {
        let harness = Harness()
        _ = await harness.register()
        for name in ["ada", "ADA@example.org", "Ada", "ada@example.org", "ada"] { _ = await fail(harness, name) }
        for name in ["ada", "ada@example.org"] { #expect(await fail(harness, name).error == "rate_limited") }
    }

    @Test func successClearsThePairAndGivesBackTheAddress() async {
        let harness = Harness()
        _ = await harness.register()
        _ = await fail(harness, "somebody")
        for _ in 0..<4 { _ = await fail(harness) }
        let granted = await harness.login("ada", Harness.password, from("192.0.2.1"))
        #expect(left(granted) == [5, 5, 0])
        #expect(left(await fail(harness)) == [5, 4, 900])
        for name in 0..<14 { _ = await fail(harness, "user\(name)") }
        #expect(left(await fail(harness, "last")) == [20, 0, 900])
    }

    /// Neither busy queues nor a broken store count, nor what they have done to a password that was right.
    @Test func onlyCredentialsCount() async throws {
        let harness = Harness()
        let ada = await harness.register()
        let keys = ["ada", "nobody"]
        func everyone() async -> [[Int64?]] {
            var all: [[Int64?]] = []
            for name in keys { all.append(left(await fail(harness, name))) }
            return all
        }
        #expect(await everyone() == [[5, 4, 900], [5, 4, 900]])
        harness.workers.fail(with: .busy)
        for _ in 0..<30 { for name in keys { #expect(left(await fail(harness, name)) == [5, 4, 900]) } }
        harness.workers.fail(with: UsherError(.internal))
        for _ in 0..<30 { #expect(await fail(harness).error == "internal") }
        harness.workers.fail(with: nil)
        harness.store.fail([.open], with: .storeUnavailable(cause: "gone"))
        for _ in 0..<30 {
            let reply = await harness.login("ada", Harness.password, from("192.0.2.1"))
            #expect(reply.error == "store_unavailable" && left(reply) == [5, 4, 900])
        }
        harness.store.fail([.open], with: nil)
        harness.store.inner.edit(try #require(harness.userID(ada))) { $0.isDisabled = true }
        for _ in 0..<30 {
            let reply = await harness.login("ada", Harness.password, from("192.0.2.1"))
            #expect(reply.error == "account_disabled" && left(reply) == [5, 4, 900])
        }
        harness.store.fail([.lookUp], with: .storeUnavailable(cause: "gone"))
        for _ in 0..<30 { #expect(await fail(harness).error == "store_unavailable") }
        harness.store.fail([.lookUp], with: nil)
        #expect(await everyone() == [[5, 3, 900], [5, 3, 900]])
    }

    @Test func withoutAnAddressOnlyTheAccountCounts() async {
        let harness = Harness()
        _ = await harness.register()
        for number in 1...100 as ClosedRange<Int64> {
            #expect(await fail(harness, "ada", nil).integer("remaining") == 100 - number)
        }
        let refused = await fail(harness, "ada", nil)
        #expect(refused.error == "rate_limited" && refused.integer("retry_after") == 30)
        #expect(left(refused) == [100, 0, 30])
        // Nobody else pays for it.
        #expect(await fail(harness, "bob", nil).error == "invalid_credentials")
        harness.clock.advance(seconds: 30)
        #expect(await fail(harness, "ada", nil).error == "invalid_credentials")
        #expect(await fail(harness, "ada", nil).integer("retry_after") == 60)
        harness.clock.advance(seconds: 60)
        #expect(left(await harness.login()) == [100, 100, 0])
        #expect(await fail(harness, "ada", nil).integer("remaining") == 99)
    }

    /// Whoever makes attempts in vain does not keep the user out: where they were logged in before they are let in.
    @Test func anAddressThatLoggedInBeforeIsExempt() async {
        var limits = Limits()
        limits.throttle.accountFailures = 3
        let harness = Harness(limits: limits)
        _ = await harness.register("ada", from("2001:db8:1:2::5"))
        for number in 0..<3 { _ = await fail(harness, "ada", "192.0.2.\(number)") }
        #expect(await fail(harness, "ada", "198.51.100.1").error == "rate_limited")
        // Their own failures do not count for the row.
        #expect(left(await fail(harness, "ada", "2001:db8:1:2::6")) == [5, 4, 900])
        #expect(await harness.login("ada", Harness.password, from("2001:db8:1:2::7")).isOK)
        // The row has ended with that.
        #expect(await harness.login("ada", Harness.password, from("198.51.100.1")).isOK)
        for number in 0..<3 { _ = await fail(harness, "ada", "192.0.2.\(number)") }
        #expect(await fail(harness, "ada", "203.0.113.1").error == "rate_limited")
        #expect(await harness.login("ada", Harness.password, from("198.51.100.1")).isOK)
    }

    @Test func aNewPasswordClearsTheAccount() async throws {
        var limits = Limits()
        limits.throttle.accountFailures = 8
        let harness = Harness(limits: limits)
        let ada = await harness.register()
        for ip in ["192.0.2.1", "192.0.2.2"] { for _ in 0..<5 { _ = await fail(harness, "ada", ip) } }
        #expect(await fail(harness, "ada", "192.0.2.1").error == "rate_limited")
        #expect(await fail(harness, "ada", "192.0.2.3").error == "rate_limited")
        await harness.service.clearThrottle(of: try #require(harness.userID(ada)))
        #expect(left(await fail(harness, "ada", "192.0.2.1")) == [5, 4, 900])
        #expect(left(await fail(harness, "ada", "192.0.2.3")) == [5, 4, 900])
    }

    @Test func aRefusalIsInTheJournal() async {
        let harness = Harness()
        _ = await harness.register()
        for _ in 0..<6 { _ = await fail(harness) }
        let event = harness.log.events(.login).last
        #expect(event?.result == "rate_limited" && event?.clientAddress?.description == "192.0.2.1" && event?.user == "ada")
        #expect(event?.message == "LOGIN refused: rate_limited; too many failures of this account from this address")
    }

    // MARK: REGISTER

    @Test func anAddressRegistersOnlySoOften() async {
        let harness = Harness()
        for number in 0..<19 { #expect(await harness.register("user\(number)", from("2001:db8::1")).isOK) }
        // Who asks what names are taken is counted; what is no fault of theirs is not.
        #expect(await harness.register("user1", from("2001:db8::2")).error == "account_exists")
        let hashes = harness.hasher.counts.hashes
        let refused = await harness.register("user20", from("2001:db8::3"))
        #expect(refused.error == "rate_limited" && refused.integer("retry_after") == 3600)
        #expect(!refused.has("limit") && harness.hasher.counts.hashes == hashes)
        #expect(await harness.register("user20", from("2001:db8:0:1::1")).isOK)
        #expect(await harness.register("user21").isOK)
        harness.clock.advance(seconds: 3600)
        harness.workers.fail(with: .busy)
        for _ in 0..<30 { #expect(await harness.register("user22", from("2001:db8::1")).error == "busy") }
        harness.workers.fail(with: nil)
        #expect(await harness.register("user22", from("2001:db8::1")).isOK)
    }

    // MARK: Outliving the process

    @Test func aBlockOutlivesTheProcess() async throws {
        let harness = Harness()
        _ = await harness.register()
        for _ in 0..<5 { _ = await fail(harness) }
        #expect(harness.service.hasThrottleChanges)
        #expect(await harness.service.writeThrottle())
        #expect(!harness.service.hasThrottleChanges)
        harness.clock.advance(seconds: 100)
        let next = Harness(restartOf: harness)
        // However the wall clock is stepped.
        next.clock.stepWall(milliseconds: 10_000_000_000)
        try await next.service.restoreThrottle()
        let refused = await fail(next)
        #expect(refused.error == "rate_limited" && refused.integer("retry_after") == 800)
        next.clock.stepWall(milliseconds: -20_000_000_000)
        #expect(await fail(next).integer("retry_after") == 800)
        next.clock.advance(seconds: 800)
        #expect(await fail(next).error == "invalid_credentials")
    }

    /// What costs no hash, and next to nothing else, all in one minute.
    @Test func anAccountMayAskOnlySoMuch() async throws {
        var limits = Limits()
        limits.throttle.requestsPerMinute = 6
        let harness = Harness(limits: limits)
        let (ada, bob) = (await harness.register().accessToken, await harness.register("bob").accessToken)
        let other = await harness.login().accessToken
        let wrong = "wrong horse"
        let requests: [(String, [String: Any])] = [
            ("SESSIONS", [:]), ("PROFILE", ["claims": null()]), ("CONFIRM", [:]), ("TOTP", ["action": "status"]),
            ("PASSWORD", ["password": wrong, "new_password": "battery staple"]), ("DELETE", ["password": wrong]),
        ]
        func ask(_ request: (String, [String: Any]), _ token: String) async -> Reply {
            await harness.ask(request.0, request.1.merging(["token": token]) { _, other in other })
        }
        for request in requests { #expect(await ask(request, ada).error != "rate_limited") }
        let calls = harness.store.inner.calls
        for (index, request) in requests.enumerated() {
            let reply = await ask(request, index.isMultiple(of: 2) ? ada : other)
            #expect((reply.error, reply.integer("retry_after")) == ("rate_limited", 60))
        }
        #expect(harness.store.inner.calls == calls)
        #expect(await ask(requests[0], bob).isOK)
        // Neither tokens nor a logout are refused.
        #expect(await harness.verify(ada).isOK)
        #expect(await harness.revoke(other, "session").bool("revoked") == true)
        // It is worth no write.
        #expect(await harness.service.writeThrottle())
        #expect(try await harness.store.inner.throttles().allSatisfy { $0.key.kind.isOfLogin })
        harness.clock.advance(seconds: 60)
        #expect(await ask(requests[0], ada).isOK)
    }

    @Test func oneTimeTokensAreTriedOutOnlySoOften() async throws {
        var limits = Limits()
        limits.throttle.requestsPerMinute = 2
        let harness = Harness(limits: limits)
        _ = await harness.register()
        let token = try #require(await harness.ask("RECOVER", ["email": "ada@example.org"]).string("reset_token"))
        func confirm(_ ip: String?) async -> String? {
            await harness.ask(
                "CONFIRM", ["confirmation_token": String(repeating: "a", count: 43), "client": ip.map { ["ip": $0] } ?? [:]]
            ).error
        }
        for _ in 0..<2 { #expect(await confirm("192.0.2.7") == "token_invalid") }
        #expect(await confirm("192.0.2.7") == "rate_limited")
        #expect(await confirm("192.0.2.8") == "token_invalid")
        for _ in 0..<9 { #expect(await confirm(nil) == "token_invalid") }
        let reset: [String: Any] = ["reset_token": token, "new_password": "battery staple"]
        let here = reset.merging(["client": ["ip": "192.0.2.7"]]) { _, other in other }
        #expect(await harness.ask("RESET", here).error == "rate_limited")
        #expect(await harness.ask("RESET", reset).isOK)
    }

    @Test func aStoreThatFailsIsAskedAgainAndNoLoginFailsForIt() async throws {
        let harness = Harness()
        _ = await harness.register()
        harness.store.fail([.keep], with: .storeUnavailable(cause: "full"))
        for _ in 0..<4 {
            #expect(await fail(harness).error == "invalid_credentials")
            #expect(await !harness.service.writeThrottle())
        }
        #expect(harness.service.hasThrottleChanges)
        harness.store.fail([.keep], with: nil)
        #expect(await harness.service.writeThrottle())
        #expect(try await harness.store.inner.throttles().map(\.count).sorted() == [4, 4, 4])
    }

    @Test func manyChangesAreWrittenInBatches() async throws {
        var limits = Limits()
        limits.throttle.addressFailures = 1_000_000
        let harness = Harness(limits: limits, threshold: .error)
        for number in 0..<600 { _ = await fail(harness, "user\(number)") }
        let before = harness.store.made.count
        #expect(await harness.service.writeThrottle())
        #expect(harness.store.made.dropFirst(before) == [.keep, .keep, .keep])
        #expect(try await harness.store.inner.throttles().count == 1_201)
        harness.clock.advance(seconds: 900)
        try await harness.service.purge()
        #expect(await harness.service.writeThrottle())
        #expect(try await harness.store.inner.throttles().count == 600)
    }
}
