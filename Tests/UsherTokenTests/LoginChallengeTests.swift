import Testing
import UsherCrypto
import UsherModel

@testable import UsherToken

@Suite struct LoginChallengeTests {
    private let hash = PasswordHash("$y$jBT$salt$digest")
    private let user = UserID(.sample)

    private func challenge(_ forge: Forge) -> String {
        forge.issuer.challenge(to: user, password: hash, audience: "shop", issuedAt: 1000, expiresAt: 1300)
    }

    private func read(_ forge: Forge, _ text: String) throws(UsherError) -> LoginChallenge {
        try LoginChallenge(forge.verified(Array(text.utf8), by: forge.refresh, as: .challenge, forge.issuer.workspace))
    }

    @Test(arguments: MACAlgorithm.allCases) func `it says who and what for`(_ algorithm: MACAlgorithm) throws {
        var settings = TokenSettings()
        settings.algorithm = algorithm
        let forge = try Forge(settings)
        let challenge = try read(forge, challenge(forge))
        #expect((challenge.user, challenge.audience) == (user, "shop"))
        #expect(!challenge.isExpired(now: 1299))
        #expect(challenge.isExpired(now: 1300))
        #expect(challenge.isBound(to: hash, by: forge.issuer))
        #expect(!challenge.isBound(to: PasswordHash("$y$jBT$salt$other"), by: forge.issuer))
    }

    @Test func `nothing of the hash is in it`() throws {
        let forge = try Forge()
        let payload = try TokenIssuerTests.parts(challenge(forge))[1]
        let form = #/\{"iss":"usher","sub":"[^"]+","aud":"shop","pwd":"[-\w]{22}","iat":1000,"exp":1300\}/#
        #expect(payload.wholeMatch(of: form) != nil)
    }

    @Test func `it is no other kind of token, nor is another kind a challenge`() throws {
        let forge = try Forge()
        let text = challenge(forge)
        #expect(forge.code(text) == .tokenInvalid)
        #expect(throws: UsherError.self) { try forge.refreshToken(text) }
        let refresh = forge.issuer.refreshToken(of: .sample(), issuedAt: 1000)
        #expect(throws: UsherError.self) { try read(forge, refresh) }
        let typed = forge.token(header: Forge.header(typ: "login-challenge+jwt"), "{}", by: forge.access)
        #expect(throws: UsherError.self) { try read(forge, typed) }
    }

    @Test(arguments: ["sub", "aud", "exp", "pwd"]) func `each claim is required`(_ name: String) throws {
        let forge = try Forge()
        let claims = ["sub": "\"\(user)\"", "aud": "\"shop\"", "exp": "1300", "pwd": "\"x\""]
        func text(_ changes: [String: String?]) -> String {
            let members = claims.merging(changes.compactMapValues { $0 }) { $1 }.filter { changes[$0.key] != .some(nil) }
            let payload = "{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
            return forge.token(header: Forge.header(typ: "login-challenge+jwt"), payload, by: forge.refresh)
        }
        #expect(try read(forge, text([:])).audience == "shop")
        #expect(throws: UsherError.self) { try read(forge, text([name: nil])) }
        #expect(throws: UsherError.self) { try read(forge, text([name: "[]"])) }
    }
}
