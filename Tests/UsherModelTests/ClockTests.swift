import Testing
import UsherModel

@Suite struct ClockTests {
    struct Still: Clock {
        let milliseconds: Int64
        func wallMilliseconds() -> Int64 { milliseconds }
        func monotonicMilliseconds() -> Int64 { 0 }
    }

    @Test(arguments: [(0, 0), (999, 0), (1_000, 1), (1_790_000_000_999, 1_790_000_000)] as [(Int64, NumericDate)])
    func `a NumericDate is whole seconds, the begun one not counted`(_ milliseconds: Int64, _ seconds: NumericDate) {
        #expect(Still(milliseconds: milliseconds).now() == seconds)
    }
}

@Suite struct ServiceTimeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let moment, atStart, now: Int64
        let isWithin: Bool

        init(_ description: String, moment: Int64, atStart: Int64, now: Int64, _ isWithin: Bool) {
            testDescription = description
            self.moment = moment
            self.atStart = atStart
            self.now = now
            self.isWithin = isWithin
        }
    }

    static let window: Int64 = 30_000

    @Test(arguments: [
        Row("at once", moment: 5_000, atStart: 0, now: 5_000, true),
        Row("inside", moment: 5_000, atStart: 0, now: 34_999, true),
        Row("the last moment", moment: 5_000, atStart: 0, now: 35_000, true),
        Row("just over", moment: 5_000, atStart: 0, now: 35_001, false),
        Row("long over", moment: 5_000, atStart: 0, now: 9_000_000, false),
        Row("open at the restart", moment: 5_000, atStart: 20_000, now: 20_000, true),
        Row("open at the restart: anew from there", moment: 5_000, atStart: 20_000, now: 50_000, true),
        Row("open at the restart: over at last", moment: 5_000, atStart: 20_000, now: 50_001, false),
        Row("just open at the restart", moment: 5_000, atStart: 35_000, now: 65_000, true),
        Row("over before the restart", moment: 5_000, atStart: 35_001, now: 35_001, false),
        Row("long over before the restart", moment: 5_000, atStart: 900_000, now: 900_000, false),
        Row("in the very moment of the restart", moment: 20_000, atStart: 20_000, now: 50_000, true),
        Row("in the very moment of the restart, over", moment: 20_000, atStart: 20_000, now: 50_001, false),
        Row("after the restart", moment: 21_000, atStart: 20_000, now: 51_000, true),
        Row("after the restart, over", moment: 21_000, atStart: 20_000, now: 51_001, false),
        Row("the first start, at once", moment: 0, atStart: 0, now: 0, true),
    ])
    func window(_ row: Row) {
        #expect(ServiceTime(atStart: row.atStart, now: row.now).isWithin(Self.window, of: row.moment) == row.isWithin)
    }

    @Test func `a window of nothing is over at the next millisecond`() {
        #expect(ServiceTime(atStart: 0, now: 7).isWithin(0, of: 7))
        #expect(!ServiceTime(atStart: 0, now: 8).isWithin(0, of: 7))
    }
}
