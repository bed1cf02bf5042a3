import Testing
import UsherModel
import UsherTesting

@testable import UsherToken

@Suite struct RevocationsTests {
    static let uuid = "01900000-0000-7000-8000-0000000000ab"

    @Test(arguments: [uuid, uuid.uppercased(), "other", "", "é", "a\0b", uuid + " "])
    func `an id is revoked as what it is`(_ id: String) {
        var revocations = Revocations()
        #expect(revocations.isEmpty)
        revocations.insert(Revocation(kind: .token, id: id, until: 100))
        #expect(!revocations.isEmpty)
        #expect(revocations.count == 1)
        #expect(revocations.contains(.token, id))
        #expect(!revocations.contains(.session, id))
        #expect(!revocations.contains(.token, id + "x"))
        revocations.insert(Revocation(kind: .session, id: id, until: 100))
        #expect(revocations.contains(.session, id))
        #expect(revocations.count == 2)
    }

    @Test func `the case of an id counts`() {
        var revocations = Revocations()
        revocations.insert(Revocation(kind: .token, id: Self.uuid, until: 100))
        #expect(!revocations.contains(.token, Self.uuid.uppercased()))
    }

    @Test func `ids that Unicode takes for equivalent are two`() {
        var revocations = Revocations()
        revocations.insert(Revocation(kind: .token, id: "caf\u{e9}", until: 100))
        #expect(revocations.contains(.token, "caf\u{e9}"))
        #expect(!revocations.contains(.token, "cafe\u{301}"))
    }

    @Test(arguments: [uuid, "other"])
    func `of two of the same the longer holds, and is forgotten when it is over`(_ id: String) {
        for order in [[100, 200], [200, 100]] as [[NumericDate]] {
            var revocations = Revocations()
            revocations.insert(order.map { Revocation(kind: .session, id: id, until: $0) })
            #expect(revocations.count == 1)
            revocations.purge(before: 101)
            #expect(revocations.contains(.session, id))
            revocations.purge(before: 200)
            #expect(revocations.contains(.session, id))
            revocations.purge(before: 201)
            #expect(!revocations.contains(.session, id))
            #expect(revocations.isEmpty)
        }
    }

    @Test func `of two of a user the longer holds and the newer version`() throws {
        for order in [[(100, 2), (200, 1)], [(200, 1), (100, 2)]] as [[(NumericDate, Int64)]] {
            var revocations = Revocations()
            #expect(!revocations.hasUsers)
            for (until, version) in order {
                revocations.insert(Revocation(kind: .user, id: Self.uuid, until: until, version: version))
            }
            #expect(revocations.count == 1 && revocations.hasUsers)
            #expect(revocations.contains(.user, Self.uuid))
            #expect(!revocations.contains(.session, Self.uuid))
            revocations.purge(before: 200)
            #expect(revocations.hasUsers)
            revocations.purge(before: 201)
            #expect(revocations.isEmpty && !revocations.hasUsers)
        }
    }

    @Test func `a purge takes what is over and leaves the rest`() {
        var revocations = Revocations()
        for number in 0..<100 {
            let digits = String(number)
            let id =
                number.isMultiple(of: 2)
                ? "01900000-0000-7000-8000-0000000000" + String(repeating: "0", count: 2 - digits.count) + digits : "x\(number)"
            revocations.insert(Revocation(kind: number.isMultiple(of: 3) ? .token : .session, id: id, until: NumericDate(number)))
        }
        for moment in [0, 1, 50, 99, 100] {
            revocations.purge(before: NumericDate(moment))
            #expect(revocations.count == 100 - moment)
        }
    }

    /// Whatever the ids are like, no part is so large that its purge would hold up the reactor.
    @Test(arguments: [7, 4, 1]) func `parts are of one size`(version: Int) {
        var revocations = Revocations()
        let random = SeededRandom(seed: 3)
        for number in 0..<20_000 {
            let (high, low) =
                switch version {
                case 7:
                    (UInt64(1_790_000_000_000 + number / 10) << 16 | 0x7000 | random.word() & 0xfff, random.word() >> 2 | 1 << 63)
                case 4: (random.word() & ~0xf000 | 0x4000, random.word() >> 2 | 1 << 63)
                // Version 1 has its time first, and then what is always the same.
                default: (UInt64(number * 977) << 32 | 0x1234_11ee, 0x8123_0242_ac12_0002)
                }
            revocations.insert(Revocation(kind: .token, id: UUIDv7(high: high, low: low).description, until: 5))
        }
        #expect(revocations.count == 20_000)
        for part in 0..<Revocations.parts {
            let before = revocations.count
            let hadSome = revocations.purge(part: part, before: 6)
            #expect(hadSome && before - revocations.count < 60)
            let hasSome = revocations.purge(part: part, before: 6)
            #expect(!hasSome)
        }
        #expect(revocations.isEmpty)
    }
}

extension Revocations {
    fileprivate mutating func purge(before moment: NumericDate) {
        for part in 0..<Self.parts { _ = purge(part: part, before: moment) }
    }
}
