import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

struct DecoyTests {
    private let hashes = [
        HashSetting(setting: "$y$jBT$", users: 6), HashSetting(setting: "$2b$10$", users: 3), HashSetting(setting: "", users: 50),
        HashSetting(setting: "$6$", users: 1), HashSetting(setting: "$5$", users: 0),
    ]

    @Test func settingsAreAsProbableAsTheyAreFrequent() {
        let draws = (0..<1000).map { UInt64($0) * (.max / 1000) }
        let drawn = draws.compactMap { Decoy.setting(among: hashes, draw: $0) }
        #expect(drawn.count == 1000)
        for (setting, share) in [("$y$jBT$", 600), ("$2b$10$", 300), ("$6$", 100)] {
            #expect((share - 1...share + 1).contains(drawn.count { $0 == setting }))
        }
        // In whatever order the store tells them.
        for draw in draws {
            #expect(Decoy.setting(among: hashes.reversed(), draw: draw) == Decoy.setting(among: hashes, draw: draw))
        }
    }

    @Test func theEndsOfTheScale() {
        #expect(Decoy.setting(among: hashes, draw: 0) == "$2b$10$")
        #expect(Decoy.setting(among: hashes, draw: .max) == "$y$jBT$")
        #expect(Decoy.setting(among: [], draw: 5) == nil)
        let huge = [HashSetting(setting: "$6$", users: 1 << 53), HashSetting(setting: "$5$", users: 1 << 53)]
        #expect(Decoy.setting(among: huge, draw: .max) == "$6$")
    }

    /// While the old hashes give way, a name changes once, as a user does who logs in.
    @Test func aNameChangesOnce() {
        for draw in (0..<100).map({ UInt64($0) * (.max / 100) }) {
            let drawn = (0...50).map { old in
                Decoy.setting(
                    among: [
                        HashSetting(setting: "$2b$10$", users: Int64(50 - old)), HashSetting(setting: "$y$", users: Int64(old)),
                    ],
                    draw: draw)
            }
            #expect(zip(drawn, drawn.dropFirst()).count { $0 != $1 } <= 1)
        }
    }

    /// Half of the users have an older hash: an unknown name takes the one or the other, and keeps it.
    @Test func unknownNamesTakeTheTimeOfUsers() async throws {
        let old = Harness()
        for number in 0..<4 { #expect(await old.register("old\(number)").isOK) }
        let new = Harness(hashCost: 2, restartOf: old)
        for number in 0..<4 { #expect(await new.register("new\(number)").isOK) }
        var seen: [String: Int] = [:]
        for number in 0..<40 {
            let reply = await new.login("nobody\(number)", "wrong password")
            #expect(reply.error == "invalid_credentials")
            let checked = new.hasher.checked
            seen[checked, default: 0] += 1
            // The same in any case, and again.
            _ = await new.login("NOBODY\(number)", "wrong password")
            #expect(new.hasher.checked == checked)
        }
        #expect(Set(seen.keys) == ["$fast$1$", "$fast$2$"] && seen.values.allSatisfy { $0 > 5 })
        _ = await new.login("old1", "wrong password")
        #expect(new.hasher.checked == "$fast$1$")
        // Once all have logged in, there is one time for all.
        for number in 0..<4 { #expect(await new.login("old\(number)").isOK) }
        for number in 0..<40 {
            _ = await new.login("nobody\(number)", "wrong password")
            #expect(new.hasher.checked == "$fast$2$")
        }
    }
}
