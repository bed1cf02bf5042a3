import UsherModel

/// Up to which moment what has expired may be forgotten: by the wall clock, but by no leap of it.
///
/// It goes on with the time that the daemon runs, from where the last daemon left off: a clock that is ahead, at the start or later, and is
/// set right, takes nothing away. What lies between, a downtime or a leap that is there to stay, it makes up for when the clock has not
/// leapt ahead for a day: the machine had time enough to set it right. Until then it only forgets later than it could.
struct PurgeHorizon: Sendable {
    /// What ended before this is over for good.
    private(set) var moment: NumericDate
    private var wall: NumericDate
    /// In monotonic milliseconds: when the clock was looked at last, and since when it has not leapt ahead.
    private var lookedAt: Int64
    private var steadySince: Int64

    /// - Parameters:
    ///   - last: where the last daemon left off; nil if there was none.
    ///   - wall: by the wall clock, less the clock tolerance.
    init(from last: NumericDate?, wall: NumericDate, monotonic: Int64) {
        moment = min(last ?? wall, wall)
        self.wall = wall
        lookedAt = monotonic
        steadySince = monotonic
    }

    mutating func advance(wall: NumericDate, monotonic: Int64) {
        // Rounded up: a part of a second is no leap.
        let elapsed = (monotonic - lookedAt) / 1000 + 1
        if wall > self.wall + elapsed { steadySince = monotonic }
        moment = monotonic - steadySince >= Limits.clockTrust ? wall : min(wall, moment + elapsed)
        (self.wall, lookedAt) = (wall, monotonic)
    }
}
