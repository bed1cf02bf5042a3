import Testing
import UsherModel

@testable import UsherOperations

struct PurgeHorizonTests {
    private static let year: Int64 = 365 * 86_400
    private static let day: Int64 = 86_400

    /// The clocks at some moment: what the wall clock shows, and seconds since the start.
    private func advance(_ horizon: inout PurgeHorizon, wall: NumericDate, after seconds: Int64) -> NumericDate {
        horizon.advance(wall: wall, monotonic: 5_000 + seconds * 1000)
        return horizon.moment
    }

    @Test func itGoesWithTheClock() {
        var horizon = PurgeHorizon(from: nil, wall: 1_000, monotonic: 5_000)
        #expect(horizon.moment == 1_000)
        #expect(advance(&horizon, wall: 1_300, after: 300) == 1_300)
        // Within a second, both clocks run alike.
        #expect(advance(&horizon, wall: 1_601, after: 600) == 1_601)
        #expect(advance(&horizon, wall: 1_900, after: 900) == 1_900)
    }

    @Test func aClockThatIsAheadAtTheStartIsNotBelieved() {
        var horizon = PurgeHorizon(from: 1_000, wall: Self.year, monotonic: 5_000)
        #expect(advance(&horizon, wall: Self.year + 300, after: 300) == 1_301)
        #expect(advance(&horizon, wall: Self.year + Self.day - 1, after: Self.day - 1) < 1_000 + Self.day + 10)
        // Set right.
        #expect(advance(&horizon, wall: 1_000 + Self.day, after: Self.day) == 1_000 + Self.day)
        #expect(advance(&horizon, wall: 1_000 + 2 * Self.day, after: 2 * Self.day) == 1_000 + 2 * Self.day)
    }

    @Test func aDowntimeIsMadeUpForAfterADay() {
        var horizon = PurgeHorizon(from: 1_000, wall: 1_000 + Self.year, monotonic: 5_000)
        #expect(advance(&horizon, wall: 1_300 + Self.year, after: 300) == 1_301)
        #expect(advance(&horizon, wall: 1_000 + Self.year + Self.day, after: Self.day) == 1_000 + Self.year + Self.day)
    }

    @Test func eachLeapAheadBeginsTheDayAnew() {
        var horizon = PurgeHorizon(from: nil, wall: 1_000, monotonic: 5_000)
        // The day is over, so it is believed; a leap after that is not.
        #expect(advance(&horizon, wall: 1_000 + 2 * Self.day, after: 2 * Self.day) == 1_000 + 2 * Self.day)
        #expect(advance(&horizon, wall: Self.year, after: 2 * Self.day + 10) == 1_011 + 2 * Self.day)
        #expect(advance(&horizon, wall: 2 * Self.year, after: 2 * Self.day + 20) == 1_022 + 2 * Self.day)
        #expect(advance(&horizon, wall: 2 * Self.year + Self.day - 20, after: 3 * Self.day) < 1_100 + 3 * Self.day)
        #expect(advance(&horizon, wall: 2 * Self.year + Self.day, after: 3 * Self.day + 20) == 2 * Self.year + Self.day)
    }

    @Test func aClockThatIsSetBackIsFollowed() {
        var horizon = PurgeHorizon(from: Self.year, wall: 1_000, monotonic: 5_000)
        #expect(horizon.moment == 1_000)
        #expect(advance(&horizon, wall: 900, after: 10) == 900)
    }
}
