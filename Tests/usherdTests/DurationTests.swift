import Testing

@testable import usherd

struct DurationTests {
    @Test(
        arguments: [
            ("0s", 0), ("1s", 1), ("30s", 30), ("15m", 900), ("2h", 7200), ("7d", 604_800), ("1w", 604_800), ("007s", 7),
            ("36600d", 3_162_240_000),
        ] as [(String, Int64)])
    func reads(_ text: String, _ seconds: Int64) {
        #expect(DurationText(text)?.seconds == seconds)
    }

    @Test(arguments: [
        "", "s", "5", "-5s", "+5s", "5 s", " 5s", "5s ", "5S", "1h30m", "1.5h", "5ms", "5y", "٣s", "5s\u{301}", "36601d",
        "99999999999999999999s", "9223372036854775807w", "5\u{0}s", "0x5s",
    ])
    func refuses(_ text: String) {
        #expect(DurationText(text) == nil)
    }

    @Test(
        arguments: [
            (0, "0s"), (1, "1s"), (60, "1m"), (61, "61s"), (90, "90s"), (3600, "1h"), (5400, "90m"), (86_400, "1d"),
            (604_800, "7d"),
        ] as [(Int64, String)])
    func writes(_ seconds: Int64, _ text: String) {
        #expect(DurationText(seconds: seconds).text == text)
        #expect(DurationText(text)?.seconds == seconds)
    }
}
