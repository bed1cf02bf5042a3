import Testing
import UsherModel

@testable import UsherToken

/// Tokens that are older than the last change of their role.
struct RoleRevocationTests {
    private let change = Revocation(kind: .role, id: "editor", until: 2_000, version: 4)

    private static let cases: [(role: String?, version: String?, expected: AccessToken.Standing)] = [
        (#""editor""#, nil, .stale), (#""editor""#, "3", .stale), (#""editor""#, "4", .live), (#""editor""#, "5", .live),
        (#""\u0065ditor""#, "3", .stale), (#""Editor""#, "3", .live), (nil, "3", .live),
    ]

    @Test(arguments: cases)
    func onlyTokensOfThatRoleThatAreOlder(_ role: String?, _ version: String?, _ expected: AccessToken.Standing) throws {
        let forge = try Forge()
        var held = Revocations()
        held.insert(change)
        let token = forge.token(Forge.payload(("role", role), ("rver", version)))
        #expect(try forge.standing(token, by: held) == expected)
    }

    @Test(arguments: ["-1", "1.5", "\"4\"", "true", "null"]) func theVersionIsAWholeNumber(_ version: String) throws {
        let forge = try Forge()
        #expect(forge.code(forge.token(Forge.payload(("rver", version)))) == .tokenInvalid)
    }

    @Test func theNewestChangeAndTheLongestTimeHold() throws {
        var held = Revocations()
        held.insert([change, Revocation(kind: .role, id: "editor", until: 1_000, version: 9)])
        #expect(held.count == 1 && held.rolesVersion == 9)
        for part in 0..<Revocations.parts { _ = held.purge(part: part, before: 2_000) }
        #expect(held.count == 1)
        for part in 0..<Revocations.parts { _ = held.purge(part: part, before: 2_001) }
        #expect(held.isEmpty && held.rolesVersion == 0)
    }
}
