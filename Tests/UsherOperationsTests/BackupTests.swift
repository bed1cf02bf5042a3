import Foundation
import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct BackupTests {
    private let harness = Harness(threshold: .info, place: .admin)

    private func make() async -> Reply { await harness.ask("BACKUP", [:]) }
    private func part(_ offset: Any) async -> Reply { await harness.ask("BACKUP", ["offset": offset]) }

    /// The next who ask come by another connection.
    private func reconnect() { harness.caller = Caller(peer: harness.caller.peer, place: .admin) }

    @Test func partsMakeUpTheCopy() async throws {
        for name in ["eve", "ada"] { _ = await harness.register(name) }
        #expect(await make().line == #"{"ok":true,"size":7}"#)
        #expect(await part(4).line == #"{"ok":true,"data":"ZXZl","next":null}"#)
        let event = try #require(harness.log.events.last)
        #expect(event.kind == .backedUp && event.message == "BACKUP granted; 7 bytes")
    }

    @Test func itHasAsManyPartsAsItTakes() async throws {
        for number in 0..<1_200 {
            let name = "user-of-a-very-long-name-that-takes-much-room-\(number)"
            let user = User(
                id: UserID(UUIDv7(clock: harness.clock, random: SeededRandom(seed: UInt64(number)))),
                username: try Username(parsing: name),
                email: try Email(parsing: "\(number)@example.org"), createdAt: 0)
            try await harness.store.create(Account(user: user, passwordHash: PasswordHash("")), session: nil)
        }
        let size = Int(try #require(await make().integer("size")))
        let first = await part(0)
        let data = try #require(first.string("data").flatMap { Data(base64Encoded: $0) })
        #expect(data.count == Limits.backupPart && first.integer("next") == Int64(Limits.backupPart))
        let second = await part(Limits.backupPart)
        let rest = try #require(second.string("data").flatMap { Data(base64Encoded: $0) })
        #expect(data.count + rest.count == size && second.has("next") && second.integer("next") == nil)
    }

    @Test func theLastPartEndsIt() async {
        _ = await make()
        #expect(harness.store.inner.hasCopy)
        #expect(await part(0).isOK)
        #expect(!harness.store.inner.hasCopy)
        let late = await part(0)
        #expect(late.error == "invalid_field" && late.field == "offset")
    }

    @Test func itBelongsToItsConnection() async {
        #expect(await make().isOK)
        let first = harness.caller
        reconnect()
        #expect(await part(0).error == "invalid_field")
        #expect(await make().error == "busy")
        first.leave()
        #expect(harness.service.hasAbandonedWork)
        await harness.service.endAbandonedWork()
        #expect(!harness.service.hasAbandonedWork && !harness.store.inner.hasCopy)
        #expect(await make().isOK)
        // The same connection may begin anew.
        #expect(await make().isOK)
    }

    @Test func whatFailsLeavesNothing() async throws {
        let room = UsherError(.storeUnavailable, "There is no room.", cause: "the disk is full")
        harness.store.before(.makeCopy) { () throws(UsherError) in throw room }
        let reply = await make()
        #expect(reply.error == "store_unavailable" && reply.string("message") == "There is no room.")
        let event = try #require(harness.log.events.last)
        #expect(event.kind == .backedUp && event.priority == .error && event.message.contains("the disk is full"))
        harness.store.before(.makeCopy, nil)
        reconnect()
        #expect(await make().isOK)
    }

    @Test(arguments: ["-1", "1.5", "\"1\"", "true"]) func aFaultyOffsetIsTold(_ offset: String) async {
        let reply = await harness.ask(#"{"op":"BACKUP","offset":\#(offset)}"#)
        #expect(reply.error == "invalid_field" && reply.field == "offset")
    }

    // MARK: After a restore

    @Test func allThatWasIssuedBeforeIsRefused() async throws {
        let app = Harness()
        let old = await app.register()
        let (access, refresh) = (try #require(old.string("access_token")), try #require(old.string("refresh_token")))
        #expect(await app.verify(access).isOK)
        app.store.inner.restore(tokensBefore: app.now + 1)
        app.clock.advance(seconds: 1)
        let restarted = Harness(restartOf: app)
        try await restarted.service.load()
        let verified = await restarted.verify(access)
        #expect(verified.error == "token_revoked" && verified.string("reason") == nil)
        #expect(await restarted.refresh(refresh).error == "token_revoked")
        #expect(await restarted.revoke(access).line == #"{"ok":true,"revoked":false}"#)
        #expect(await restarted.ask("PROFILE", ["token": access]).error == "token_revoked")
        let new = await restarted.login()
        #expect(await restarted.verify(try #require(new.string("access_token"))).isOK)
        #expect(await restarted.refresh(try #require(new.string("refresh_token"))).isOK)
        #expect(restarted.log.events.allSatisfy { $0.kind != .notice })
    }

    @Test func aClockThatIsBehindIsTold() async throws {
        let app = Harness()
        app.store.inner.restore(tokensBefore: app.now + 60)
        try await app.service.load()
        let event = try #require(app.log.events.last)
        #expect(event.kind == .notice && event.priority == .warning && event.message.contains("60 s"))
    }
}
