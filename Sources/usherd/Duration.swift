/// A span of time as settings write it: digits and one of `s`, `m`, `h`, `d`, `w`.
struct DurationText {
    let seconds: Int64

    /// Nil for anything else, and for what is longer than a hundred years.
    init?(_ text: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let unit = text.last.flatMap({ units[$0] }), text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(text.dropLast())
        else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow, seconds <= 100 * 366 * 86_400 else { return nil }
        self.seconds = seconds
    }

    init(seconds: Int64) { self.seconds = seconds }

    /// The shortest form.
    var text: String {
        for (unit, length) in [("d", Int64(86_400)), ("h", 3600), ("m", 60)] where seconds != 0 && seconds % length == 0 {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }
}
