/// Metrics in the text format of Prometheus, version 0.0.4. Names, and all values of labels but the version, are the program's own.
struct PrometheusText {
    private(set) var text = ""

    enum Kind: String {
        case counter, gauge, histogram
    }

    typealias Label = (name: String, value: String)

    /// What stands before the samples of a name.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [Label], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: some BinaryInteger, _ labels: [Label] = []) {
        family(name, .gauge, help)
        sample(name, labels, String(value))
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        family(name, .counter, help)
        sample(name, [], String(value))
    }

    /// The samples of one label of a histogram.
    mutating func histogram(_ name: String, _ label: Label, _ times: Tally.Times) {
        var below: Int64 = 0
        for (bound, count) in zip(Latency.bounds, times.steps) {
            below += count
            sample("\(name)_bucket", [label, ("le", Self.seconds(bound))], String(below))
        }
        sample("\(name)_bucket", [label, ("le", "+Inf")], String(times.count))
        sample("\(name)_sum", [label], Self.seconds(times.sum))
        sample("\(name)_count", [label], String(times.count))
    }

    /// Nanoseconds, as seconds.
    private static func seconds(_ nanoseconds: Int64) -> String { "\(Double(nanoseconds) / 1e9)" }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}
