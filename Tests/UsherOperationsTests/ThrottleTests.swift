import Testing
import UsherModel

@testable import UsherOperations

@Suite struct ThrottleTests {
    let minute: Int64 = 60_000
    let ada = UUIDv7(high: 1, low: 1)
    let here = AddressBlock(bits: 1)
    let there = AddressBlock(bits: 2)

    /// The keys of a LOGIN.
    func keys(_ subject: UUIDv7? = nil, _ address: AddressBlock? = nil) -> [ThrottleKey] {
        let address = address ?? here
        return [.init(.pair, subject: subject ?? ada, address: address), .init(.address, address: address), account(subject)]
    }

    func account(_ subject: UUIDv7? = nil) -> ThrottleKey { ThrottleKey(.account, subject: subject ?? ada) }

    func throttle(_ change: (inout ThrottleSettings) -> Void = { _ in }) -> Throttle {
        var settings = ThrottleSettings()
        change(&settings)
        return Throttle(settings)
    }

    /// - Returns: the milliseconds to wait; 0 for an attempt that was let in.
    func wait(_ throttle: inout Throttle, _ keys: [ThrottleKey], at now: Int64) -> Int64 {
        do throws(Throttle.Refusal) {
            _ = try throttle.reserve(keys, at: now)
            return 0
        } catch {
            return error.wait
        }
    }

    // MARK: Room of its own

    @Test func whatCostsNoHashKeepsNobodyFromLogin() throws {
        var throttle = throttle { $0.buckets = 1_000 }
        for bits in 0..<5_000 as Range<UInt64> {
            let key = ThrottleKey(.register, address: AddressBlock(bits: bits))
            for _ in 0..<20 { #expect(wait(&throttle, [key], at: 0) == 0) }
        }
        #expect(throttle.count <= 2_100)
        #expect(wait(&throttle, keys(), at: 0) == 0)
        // Nor from REGISTER at another address: of these the full ones give way.
        #expect(wait(&throttle, [ThrottleKey(.register, address: AddressBlock(bits: .max))], at: 0) == 0)
    }

    // MARK: Windows

    @Test func fiveAndNoMoreUntilTheWindowEnds() throws {
        var throttle = throttle()
        for second in 0..<5 as Range<Int64> { #expect(wait(&throttle, keys(), at: second * 1000) == 0) }
        let refusal = #expect(throws: Throttle.Refusal.self) { try throttle.reserve(keys(), at: 5_001) }
        #expect(refusal?.kind == .pair && refusal?.wait == 15 * minute - 5_001)
        #expect(refusal?.allowance == Allowance(limit: 5, remaining: 0, reset: 895))
        // The window is that of the first: what was refused does not prolong it.
        #expect(wait(&throttle, keys(), at: 15 * minute - 1) == 1)
        #expect(wait(&throttle, keys(), at: 15 * minute) == 0)
        #expect(throttle.allowance([keys()[0]], at: 15 * minute) == Allowance(limit: 5, remaining: 4, reset: 900))
    }

    @Test func anAddressHasTwentyForAllAccounts() {
        var throttle = throttle()
        for account in 0..<20 as Range<UInt64> { #expect(wait(&throttle, keys(UUIDv7(high: 2, low: account)), at: 0) == 0) }
        #expect(wait(&throttle, keys(UUIDv7(high: 2, low: 20)), at: 0) == 15 * minute)
        #expect(wait(&throttle, keys(UUIDv7(high: 2, low: 20), there), at: 0) == 0)
    }

    @Test func theTightestIsTold() {
        var throttle = throttle()
        #expect(throttle.allowance([], at: 0) == nil)
        #expect(throttle.allowance(keys(), at: 0) == Allowance(limit: 5, remaining: 5, reset: 0))
        for account in 0..<17 as Range<UInt64> { _ = wait(&throttle, keys(UUIDv7(high: 2, low: account)), at: 0) }
        #expect(throttle.allowance(keys(), at: 1) == Allowance(limit: 20, remaining: 3, reset: 900))
    }

    @Test func whatIsRefusedCountsNowhere() {
        var throttle = throttle()
        for _ in 0..<50 { _ = wait(&throttle, keys(), at: 0) }
        #expect(throttle.allowance([keys()[1]], at: 0)?.remaining == 15)
        #expect(throttle.allowance([account()], at: 0)?.remaining == 95)
    }

    // MARK: Giving back

    @Test func whatIsGivenBackWasNeverCounted() throws {
        var throttle = throttle()
        let fresh = try throttle.reserve(keys(), at: 0)
        throttle.refund(fresh)
        #expect(throttle.count == 0)
        _ = try throttle.reserve(keys(), at: 10)
        let before = keys().map { throttle.allowance([$0], at: 20) }
        let second = try throttle.reserve(keys(), at: 20)
        throttle.refund(second, [.address])
        #expect(throttle.allowance([keys()[1]], at: 20) == before[1])
        #expect(throttle.allowance([keys()[0]], at: 20)?.remaining == 3)
        throttle.refund(second, [.pair, .account])
        #expect(keys().map { throttle.allowance([$0], at: 20) } == before)
    }

    @Test func aBucketThatCameLaterGivesNothingBack() throws {
        var throttle = throttle()
        let old = try throttle.reserve(keys(), at: 0)
        _ = try throttle.reserve(keys(), at: 15 * minute)
        throttle.refund(old, [.pair, .address])
        #expect(throttle.allowance([keys()[0]], at: 15 * minute)?.remaining == 4)
        // Nor one of the same moment.
        let cleared = try throttle.reserve(keys(ada, there), at: 15 * minute)
        throttle.clear(keys(ada, there)[0])
        _ = try throttle.reserve(keys(ada, there), at: 15 * minute)
        throttle.refund(cleared, [.pair])
        #expect(throttle.allowance([keys(ada, there)[0]], at: 15 * minute)?.remaining == 4)
    }

    @Test func aPairIsClearedAlone() {
        var throttle = throttle()
        for address in [here, there] { for _ in 0..<5 { _ = wait(&throttle, keys(ada, address), at: 0) } }
        throttle.clear(keys()[0])
        #expect(wait(&throttle, keys(), at: 0) == 0)
        #expect(wait(&throttle, keys(ada, there), at: 0) > 0)
        #expect(throttle.allowance([keys()[1]], at: 0)?.remaining == 14)
    }

    @Test func anAccountIsClearedWhole() {
        var throttle = throttle { $0.buckets = 10_000 }
        let bob = UUIDv7(high: 1, low: 2)
        let addresses = (0..<50 as Range<UInt64>).map(AddressBlock.init(bits:))
        for address in addresses { for subject in [ada, bob] { _ = wait(&throttle, keys(subject, address), at: 0) } }
        for part in 0..<throttle.partCount { throttle.clear(ada, part: part) }
        for address in addresses {
            #expect(throttle.allowance([keys(ada, address)[0]], at: 0)?.remaining == 5)
            #expect(throttle.allowance([keys(bob, address)[0]], at: 0)?.remaining == 4)
            #expect(throttle.allowance([keys(ada, address)[1]], at: 0)?.remaining == 18)
        }
        #expect(throttle.allowance([account()], at: 0)?.remaining == 100)
        #expect(throttle.allowance([account(bob)], at: 0)?.remaining == 50)
    }

    // MARK: Rows

    @Test func afterAHundredInARowThereIsOneAttemptPerDoublingDelay() {
        var throttle = throttle()
        var now: Int64 = 0
        for _ in 0..<100 {
            #expect(wait(&throttle, [account()], at: now) == 0)
            now += 5 * 60 * minute
        }
        now -= 5 * 60 * minute
        for delay in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] as [Int64] {
            #expect(wait(&throttle, [account()], at: now) == delay * 1000)
            #expect(wait(&throttle, [account()], at: now + delay * 1000 - 1) == 1)
            now += delay * 1000
            #expect(throttle.allowance([account()], at: now)?.remaining == 1)
            #expect(wait(&throttle, [account()], at: now) == 0)
            #expect(throttle.allowance([account()], at: now)?.remaining == 0)
        }
        throttle.clear(account())
        #expect(wait(&throttle, [account()], at: now) == 0)
        #expect(throttle.allowance([account()], at: now) == Allowance(limit: 100, remaining: 99, reset: 604_800))
    }

    @Test func theDelayIsNeverLongerThanIsSet() {
        var throttle = throttle {
            $0.accountFailures = 1
            $0.accountMaxDelay = 2
        }
        for now in stride(from: 0, through: 100_000, by: 2_000) as StrideThrough<Int64> {
            #expect(wait(&throttle, [account()], at: now) == 0)
            #expect(wait(&throttle, [account()], at: now) == 2_000)
        }
    }

    @Test func aThousandAtOnceGetAHundred() {
        var throttle = throttle()
        let addresses = (0..<1000 as Range<UInt64>).map(AddressBlock.init(bits:))
        #expect(addresses.filter { wait(&throttle, keys(ada, $0), at: 0) == 0 }.count == 100)
    }

    @Test func anAttemptGivenBackCausesNoDelay() throws {
        var throttle = throttle { $0.accountFailures = 2 }
        for _ in 0..<2 { _ = try throttle.reserve([account()], at: 0) }
        let third = try throttle.reserve([account()], at: 30_000)
        #expect(wait(&throttle, [account()], at: 30_000) == minute)
        throttle.refund(third)
        #expect(wait(&throttle, [account()], at: 30_000) == 0)
    }

    @Test func aRowIsForgottenAfterAWeek() {
        var throttle = throttle { $0.accountFailures = 2 }
        let week = 7 * 24 * 60 * minute
        for _ in 0..<2 { _ = wait(&throttle, [account()], at: 0) }
        #expect(throttle.allowance([account()], at: week - 1)?.remaining == 1)
        #expect(throttle.allowance([account()], at: week)?.remaining == 2)
    }

    // MARK: Room

    func address(_ number: UInt64) -> [ThrottleKey] { [ThrottleKey(.address, address: AddressBlock(bits: number))] }

    @Test func thereAreNeverMoreThanMayBe() {
        for most in [1, 7, 1_000, 5_500] {
            var throttle = throttle { $0.buckets = most }
            for number in 0..<20_000 as Range<UInt64> { #expect(wait(&throttle, address(number), at: 0) == 0) }
            #expect(throttle.count <= most && throttle.count > most / 2)
        }
    }

    @Test func makingRoomNeverFreesAFullBucket() {
        var throttle = throttle {
            $0.buckets = 2_000
            $0.addressFailures = 2
        }
        for number in 0..<500 as Range<UInt64> { for _ in 0..<2 { _ = wait(&throttle, address(number), at: 0) } }
        for number in 1_000..<20_000 as Range<UInt64> { #expect(wait(&throttle, address(number), at: 1) == 0) }
        for number in 0..<500 as Range<UInt64> { #expect(wait(&throttle, address(number), at: 1) > 0) }
    }

    @Test func whatIsOverGoesFirstThenTheLowestCountAndTheOldest() {
        var throttle = throttle {
            $0.buckets = 16
            $0.loginWindow = 10
        }
        for number in 0..<2 as Range<UInt64> { _ = wait(&throttle, address(number), at: 0) }
        for number in 2..<16 as Range<UInt64> { _ = wait(&throttle, address(number), at: 5_000 + Int64(number)) }
        for number in 2..<4 as Range<UInt64> { _ = wait(&throttle, address(number), at: 6_000) }
        _ = wait(&throttle, address(16), at: 10_000)
        #expect(throttle.count == 15)
        #expect((2...16).allSatisfy { throttle.allowance(address($0), at: 10_000)?.remaining != 20 })
        // Two of sixteen make room now; those that were counted twice are worth more, though they are older.
        for number in 17...18 as ClosedRange<UInt64> { _ = wait(&throttle, address(number), at: 10_001) }
        let gone = (2...18).filter { throttle.allowance(address($0), at: 10_001)?.remaining == 20 }
        #expect(gone == [4, 5])
    }

    @Test func whereAllAreFullNobodyNewIsLetIn() throws {
        var throttle = throttle {
            $0.buckets = 1
            $0.addressFailures = 1
        }
        _ = try throttle.reserve(address(0), at: 0)
        let refusal = #expect(throws: Throttle.Refusal.self) { try throttle.reserve(address(1), at: minute) }
        #expect(refusal?.kind == nil && refusal?.wait == 14 * minute && refusal?.allowance.remaining == 0)
        #expect(wait(&throttle, address(1), at: 15 * minute) == 0)
        #expect(throttle.count == 1)
    }

    @Test func aPurgeForgetsWhatIsOver() {
        var throttle = throttle { $0.buckets = 5_000 }
        for number in 0..<100 as Range<UInt64> { _ = wait(&throttle, keys(UUIDv7(high: 5, low: number), there), at: 0) }
        for part in 0..<throttle.partCount { throttle.purge(part: part, at: 15 * minute) }
        // What is left are the rows.
        #expect(throttle.count == 20)
        let looked = (0..<throttle.partCount).filter { throttle.purge(part: $0, at: 8 * 24 * 60 * minute) }
        #expect(!looked.isEmpty && throttle.count == 0)
        let lookedAgain = (0..<throttle.partCount).filter { throttle.purge(part: $0, at: 0) }
        #expect(lookedAgain.isEmpty)
    }

    // MARK: Outliving the process

    private func all(_ throttle: inout Throttle, at now: Int64) -> [ThrottleRecord] {
        var records: [ThrottleRecord] = []
        while throttle.hasChanges { records += throttle.takeChanges(most: 7, at: now) }
        return records
    }

    @Test func onlyWhatChangedIsTaken() throws {
        var throttle = throttle { $0.buckets = 3_000 }
        #expect(!throttle.hasChanges)
        for number in 0..<20 as Range<UInt64> { _ = wait(&throttle, address(number), at: 0) }
        let taken = all(&throttle, at: 10)
        #expect(taken.count == 20 && Set(taken.map(\.key)).count == 20)
        #expect(taken.allSatisfy { $0.count == 1 && $0.age == 10 })
        let again = try throttle.reserve(address(3), at: 20)
        #expect(all(&throttle, at: 20) == [ThrottleRecord(key: address(3)[0], count: 2, age: 20)])
        throttle.refund(again)
        #expect(all(&throttle, at: 20) == [ThrottleRecord(key: address(3)[0], count: 1, age: 20)])
        throttle.clear(address(3)[0])
        #expect(all(&throttle, at: 20) == [ThrottleRecord(key: address(3)[0], count: 0, age: 0)])
        // What came and went in between concerns nobody.
        throttle.refund(try throttle.reserve(address(99), at: 20))
        #expect(all(&throttle, at: 20).isEmpty)
    }

    @Test func whatTheStoreFailedToTakeIsTakenAgain() throws {
        var throttle = throttle()
        _ = try throttle.reserve(address(1), at: 0)
        let first = throttle.takeChanges(most: 5, at: 0)
        _ = try throttle.reserve(address(1), at: 5)
        throttle.putBack(first)
        #expect(all(&throttle, at: 5) == [ThrottleRecord(key: address(1)[0], count: 2, age: 5)])
        // A removal, too, and one of what the store may have, because it failed.
        throttle.clear(address(1)[0])
        let removal = throttle.takeChanges(most: 5, at: 5)
        throttle.putBack(removal)
        throttle.refund(try throttle.reserve(address(1), at: 6))
        #expect(all(&throttle, at: 6) == [ThrottleRecord(key: address(1)[0], count: 0, age: 0)])
    }

    @Test func anotherProcessGoesOn() {
        var before = throttle()
        for _ in 0..<5 { _ = wait(&before, keys(), at: minute) }
        var after = throttle()
        after.restore(all(&before, at: 3 * minute), at: 1_000)
        #expect(!after.hasChanges)
        #expect(wait(&after, keys(), at: 1_000) == 13 * minute)
        #expect(after.allowance([account()], at: 1_000)?.remaining == 95)
        // What is over is removed from the store when somebody looks.
        for part in 0..<after.partCount { after.purge(part: part, at: 15 * minute) }
        #expect(Set(all(&after, at: 15 * minute).filter { $0.count == 0 }.map(\.key)) == Set(keys().prefix(2)))
    }

    @Test func moreThanThereIsRoomForIsTakenWhereItIsFull() {
        var after = throttle {
            $0.buckets = 2
            $0.addressFailures = 3
        }
        let records = (0..<6 as Range<UInt64>).map { ThrottleRecord(key: address($0)[0], count: $0 < 3 ? 3 : 1, age: 0) }
        after.restore(records, at: 0)
        for number in 0..<3 as Range<UInt64> { #expect(wait(&after, address(number), at: 0) > 0) }
    }
}
