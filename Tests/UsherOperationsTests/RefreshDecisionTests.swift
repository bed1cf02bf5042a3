import Testing
import UsherCrypto
import UsherHarness
import UsherModel
import UsherTesting
import UsherToken

@testable import UsherOperations

struct RefreshDecisionTests {
    private let harness = Harness()
    private let now: NumericDate = 1_700_000_000

    private func session(_ generation: Int64 = 5, ended: NumericDate? = nil) -> Session {
        Session(
            id: SessionID(UUIDv7(high: 1, low: 2)), user: UserID(UUIDv7(high: 3, low: 4)), audience: "usher",
            generation: generation,
            rotatedAt: now - 10, rotatedService: 50_000, seed: SharedSecret(SecretBytes(copying: [UInt8](1...32).span)),
            expiresAt: now + 1000, endsAt: now + 100_000, accessUntil: now + 920, endedAt: ended, createdAt: now - 5000,
            client: Client(userAgent: "old"))
    }

    private func stored(_ session: Session, isDisabled: Bool = false) throws -> StoredSession {
        let user = User(
            id: session.user, username: try Username(parsing: "ada"), email: try Email(parsing: "a@x"), createdAt: now)
        return StoredSession(
            session: session, account: Account(user: user, passwordHash: PasswordHash("x"), isDisabled: isDisabled))
    }

    /// A genuine token of a session as it would be at `generation`.
    private func token(_ generation: Int64, of session: Session) throws -> RefreshToken {
        var session = session
        session.generation = generation
        let text = Array(harness.service.issuer.refreshToken(of: session, issuedAt: now).utf8)
        return try harness.service.issuer.authenticateRefresh(text.span)
    }

    private func decide(
        _ token: RefreshToken, _ stored: StoredSession?, isBlocked: Bool = false, client: Client? = nil,
        audiences: [String]? = nil,
        time: ServiceTime = ServiceTime(atStart: 0, now: 60_000)
    ) -> RefreshDecision {
        RefreshDecision.decide(
            token, stored, isBlocked: isBlocked, client: client, audiences: Audiences(audiences), now: now, service: time,
            settings: TokenSettings(), hash: OpenSSLHash())
    }

    /// What a decision is, in words.
    private func word(_ decision: RefreshDecision) -> String {
        switch decision {
        case .rotate(let session, _): "rotate \(session.generation)"
        case .replay(let session, _): "replay \(session.generation)"
        case .refuse(let code, _): "refuse \(code)"
        case .end(let code, _, let why): "end \(code) \(why)"
        }
    }

    @Test func theOrderOfTheContract() throws {
        let live = session()
        let dead = session(ended: now - 1)
        var stranger = session()
        stranger = Session(
            id: live.id, user: live.user, audience: "usher", generation: 5, rotatedAt: now,
            seed: SharedSecret(SecretBytes(copying: [UInt8](repeating: 9, count: 32).span)), expiresAt: now + 1000,
            endsAt: now + 100_000, accessUntil: now, createdAt: now, client: Client())
        let (good, forged) = (try token(5, of: live), try token(5, of: stranger))

        #expect(word(decide(good, nil)) == "refuse tokenRevoked")
        // Ended comes before a wrong jti, and before everything that follows.
        #expect(word(decide(forged, try stored(dead, isDisabled: true), isBlocked: true)) == "refuse tokenRevoked")
        #expect(word(decide(forged, try stored(live, isDisabled: true), isBlocked: true)) == "refuse tokenInvalid")
        #expect(word(decide(good, try stored(live, isDisabled: true), isBlocked: true)) == "end tokenRevoked blocked")
        #expect(word(decide(good, try stored(live, isDisabled: true))) == "end accountDisabled accountDisabled")
        for other: Int64 in [1, 4, 6] {
            #expect(
                word(decide(try token(other, of: live), try stored(live, isDisabled: true)))
                    == "end accountDisabled accountDisabled")
        }
        #expect(word(decide(good, try stored(live))) == "rotate 6")
        #expect(word(decide(good, try stored(live), audiences: ["other", live.audience])) == "rotate 6")
        // Another app's: nothing is ended.
        #expect(word(decide(good, try stored(live), isBlocked: true, audiences: ["other"])) == "refuse tokenInvalid")
        #expect(word(decide(try token(4, of: live), try stored(live))) == "replay 5")
        #expect(word(decide(try token(6, of: live), try stored(live))) == "end tokenRevoked fromTheFuture")
        #expect(word(decide(try token(7, of: live), try stored(live))) == "end tokenRevoked fromTheFuture")
        #expect(word(decide(try token(.max, of: live), try stored(live))) == "end tokenRevoked fromTheFuture")
        #expect(word(decide(try token(3, of: live), try stored(live))) == "end refreshTokenReused ancestorReused")
        #expect(word(decide(try token(1, of: live), try stored(live))) == "end refreshTokenReused ancestorReused")
    }

    /// Rotated at 50,000 ms of service, the window is 30,000 ms.
    @Test(
        arguments: [
            (0, 50_000, true), (0, 80_000, true), (0, 80_001, false), (0, 200_000, false),
            // Restarted while the window was open: it begins anew.
            (50_001, 50_001, true), (60_000, 90_000, true), (60_000, 90_001, false), (80_000, 110_000, true),
            // Restarted after it had closed.
            (80_001, 80_001, false), (500_000, 500_000, false),
        ] as [(Int64, Int64, Bool)])
    func theGraceWindow(_ atStart: Int64, _ now: Int64, _ isOpen: Bool) throws {
        let live = session()
        let decision = decide(try token(4, of: live), try stored(live), time: ServiceTime(atStart: atStart, now: now))
        #expect(word(decision) == (isOpen ? "replay 5" : "end refreshTokenReused parentReused"))
        // It concerns neither the newest nor older ones.
        let time = ServiceTime(atStart: atStart, now: now)
        #expect(word(decide(try token(5, of: live), try stored(live), time: time)) == "rotate 6")
        #expect(word(decide(try token(3, of: live), try stored(live), time: time)) == "end refreshTokenReused ancestorReused")
    }

    @Test func aRotationWritesWhatItChanges() throws {
        let live = session()
        guard
            case .rotate(let next, let user) = decide(
                try token(5, of: live), try stored(live), client: Client(userAgent: "new"))
        else {
            Issue.record("no rotation")
            return
        }
        #expect(next.generation == 6)
        #expect(next.rotatedAt == now)
        #expect(next.expiresAt == now + 604_800 - 604_800 + 100_000)
        #expect(next.endsAt == live.endsAt)
        #expect(next.accessUntil == now + 930)
        #expect(next.client.userAgent == "new")
        #expect(user.username.text == "ada")
        guard case .rotate(let same, _) = decide(try token(5, of: live), try stored(live)) else {
            Issue.record("no rotation")
            return
        }
        #expect(same.client.userAgent == "old")
    }

    /// What was told to be the last `exp` once is never taken back.
    @Test func accessUntilOnlyGrows() throws {
        var live = session()
        live.accessUntil = now + 5000
        guard case .rotate(let next, _) = decide(try token(5, of: live), try stored(live)) else {
            Issue.record("no rotation")
            return
        }
        #expect(next.accessUntil == now + 5000)
    }

    /// A replay that the store's bound of `exp` leaves no room for writes a new one, and no new generation.
    @Test func aLateReplayMovesTheBound() throws {
        var live = session()
        live.accessUntil = now + 869
        let decision = decide(try token(4, of: live), try stored(live))
        #expect(word(decision) == "rotate 5")
        guard case .rotate(let next, _) = decision else { return }
        #expect(next.accessUntil == now + 930)
        #expect(next.expiresAt == live.expiresAt)
        live.accessUntil = now + 870
        #expect(word(decide(try token(4, of: live), try stored(live))) == "replay 5")
    }

    @Test func stepsFollowDecisions() throws {
        let live = session()
        if case .rotate(let session, _) = decide(try token(5, of: live), try stored(live)).step(at: now) {
            #expect(session.generation == 6)
        } else {
            Issue.record("no rotation")
        }
        if case .keep = decide(try token(4, of: live), try stored(live)).step(at: now) {} else { Issue.record("a replay writes") }
        if case .keep = decide(try token(4, of: live), nil).step(at: now) {} else { Issue.record("a refusal writes") }
        if case .end(let moment, _) = decide(try token(1, of: live), try stored(live)).step(at: now) {
            #expect(moment == now)
        } else {
            Issue.record("no end")
        }
    }
}
