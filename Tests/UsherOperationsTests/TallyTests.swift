import Testing
import UsherModel

@testable import UsherOperations

struct TallyTests {
    private let tally = Tally()

    @Test func requestsAreCountedByResult() {
        tally.countGranted(0)
        tally.countGranted(0)
        tally.countRefused(0, .internal)
        tally.countRefused(1, .invalidCredentials)
        tally.countRefused(tally.unknown, .badRequest)
        let lines = tally.lines
        #expect(lines.count == Registry.operations.count + 1)
        #expect(lines[0].results.map { "\($0.name) \($0.count)" } == ["ok 2", "internal 1"])
        #expect(lines[0].requests == 3)
        #expect(lines[0].name == Registry.operations[0].name)
        #expect(lines[1].results.map { "\($0.name) \($0.count)" } == ["ok 0", "invalid_credentials 1"])
        #expect(lines.last?.name == "unknown")
        #expect(lines.last?.results.map { "\($0.name) \($0.count)" } == ["ok 0", "bad_request 1"])
    }

    @Test func everyCodeHasItsOwnCount() {
        for (number, code) in UsherError.Code.allCases.enumerated() {
            for _ in 0...number { tally.countRefused(2, code) }
        }
        let counts = tally.lines[2].results.dropFirst()
        #expect(counts.map(\.name) == UsherError.Code.allCases.map(\.rawValue))
        #expect(counts.map(\.count) == (1...Int64(UsherError.Code.allCases.count)).map { $0 })
        #expect(tally.lines[1].requests == 0)
        #expect(tally.lines[3].requests == 0)
    }

    @Test func theFirstIsTimedAndThenOneOfSoMany() {
        let timed = (0..<200).filter { _ in tally.isTimed(4) }
        #expect(timed == Array(stride(from: 0, to: 200, by: Int(Limits.timedRequests))))
        // Each operation for itself.
        #expect(tally.isTimed(5))
    }

    @Test func timesFallIntoSteps() {
        for time: Int64 in [0, 500, 501, 1_000, 20_000_000_000, 20_000_000_001] { tally.time(0, time) }
        let times = tally.lines[0].times
        #expect(times.count == 6)
        #expect(times.sum == 40_000_002_002)
        #expect(times.steps.count == Latency.bounds.count + 1)
        #expect(times.steps[0] == 2)
        #expect(times.steps[1] == 2)
        #expect(times.steps[Latency.bounds.count - 1] == 1)
        #expect(times.steps.last == 1)
        #expect(Latency.bounds == Latency.bounds.sorted())
    }
}
