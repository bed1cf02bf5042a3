import Testing
import UsherModel
import UsherTesting

@testable import UsherSQLite

/// What every store must do for the throttle.
@Suite struct ThrottleContractTests {
    let samples = Samples()
    var clock: ManualClock { samples.clock }

    @Test(arguments: StoreKind.allCases) func whatWasCountedComesBack(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        #expect(try await tested.store.throttles().isEmpty)
        clock.advance(seconds: 100)
        let (subject, address) = (samples.id(), AddressBlock(bits: .max))
        let keys = [
            ThrottleKey(.account, subject: subject), ThrottleKey(.address, address: AddressBlock(bits: 0)),
            ThrottleKey(.address, address: address), ThrottleKey(.pair, subject: subject, address: address),
            ThrottleKey(.register, address: address), ThrottleKey(.recover, address: address),
        ]
        try await tested.store.keep(keys.map { ThrottleRecord(key: $0, count: 3, age: 40_000) })
        clock.advance(seconds: 1)
        #expect(try await tested.store.throttles().map(\.age) == Array(repeating: 41_000, count: keys.count))
        try await tested.store.keep([
            ThrottleRecord(key: keys[0], count: 4, age: 0), ThrottleRecord(key: keys[1], count: 0, age: 0),
            ThrottleRecord(key: keys[1], count: 0, age: 0),
        ])
        try tested.restart()
        // Neither the time that nothing ran nor the wall clock's counts.
        clock.stepWall(milliseconds: 1_000_000_000)
        let records = try await tested.store.throttles()
        #expect(Set(records.map(\.key)) == Set(keys).subtracting([keys[1]]))
        for record in records {
            #expect(record == ThrottleRecord(key: record.key, count: record.key == keys[0] ? 4 : 3, age: record.age))
            #expect(record.age == (record.key == keys[0] ? 0 : 41_000))
        }
    }

    /// Counted before the service began, as after a crash that lost the service time.
    @Test(arguments: StoreKind.allCases) func whatIsOlderThanTheServiceBeganWithIt(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind, clock).store
        try await store.keep([ThrottleRecord(key: ThrottleKey(.account), count: 1, age: 1_000_000)])
        clock.advance(seconds: 5)
        #expect(try await store.throttles().map(\.age) == [5_000])
    }

    @Test(arguments: StoreKind.allCases) func whereAnAccountWasLoggedInToIsKnown(kind: StoreKind) async throws {
        let tested = try StoreUnderTest(kind, clock)
        let account = try samples.account("alice")
        func known() async throws -> Set<UInt64> {
            try tested.restart()
            let found = try await tested.store.lookUp(.username(account.user.username))
            #expect(found.knownAddresses.count <= Limits.knownAddresses)
            return Set(found.knownAddresses.map(\.bits))
        }
        func login(_ ip: String?) async throws {
            clock.advance(seconds: 1)
            var session = samples.session(of: account.user.id)
            session.client.address = ip.flatMap(IPAddress.init(parsing:))
            _ = try await tested.store.open(
                Login(verified: account.passwordHash, replacement: nil, session: session, maxSessions: 100))
        }
        #expect(try await known().isEmpty)
        try await tested.store.create(account, session: samples.session(of: account.user.id))
        #expect(try await known() == [0x2001_0db8_0000_0000])
        try await login(nil)
        for number in 1...7 { try await login("2001:db8:0:\(number)::1") }
        #expect(try await known() == Set(0x2001_0db8_0000_0000...0x2001_0db8_0000_0007))
        // The one longest unused gives way.
        try await login("2001:db8::9")
        clock.stepWall(milliseconds: -1_000_000)
        try await login("192.0.2.1")
        #expect(
            try await known()
                == Set(0x2001_0db8_0000_0002...0x2001_0db8_0000_0007).union([0x2001_0db8_0000_0000, 0xffff_ffff_c000_0201]))
        let bob = try samples.account("bob")
        try await tested.store.create(bob, session: samples.session(of: bob.user.id))
        #expect(try await known().count == 8)
        #expect(try await tested.store.lookUp(.username(Username(parsing: "nobody"))).knownAddresses.isEmpty)
        // A thief may have been at one of them.
        let token = StoredToken(digest: "a", purpose: .reset, expiresAt: clock.now() + 5)
        _ = try await tested.store.issue(token, to: .user(account.user.id))
        _ = try await tested.store.resetPassword(by: "a", to: account.passwordHash, at: clock.now())
        #expect(try await known().isEmpty)
        #expect(try await tested.store.lookUp(.username(bob.user.username)).knownAddresses.count == 1)
    }
}
