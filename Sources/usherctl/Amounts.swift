import ArgumentParser

/// A span of time on the command line: `250ms`, `2s`.
struct TimeAmount: ExpressibleByArgument {
    let milliseconds: Int
    let defaultValueDescription: String

    init(milliseconds: Int) {
        self.milliseconds = milliseconds
        defaultValueDescription = "\(milliseconds)ms"
    }

    init?(argument: String) {
        let units = [("ms", 1), ("s", 1000)]
        guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }),
            let number = Int(argument.dropLast(unit.count)), (1...3_600_000 / factor).contains(number)
        else { return nil }
        milliseconds = number * factor
        defaultValueDescription = argument
    }
}

/// An amount of memory on the command line: `64M`, `1G`.
struct MemoryAmount: ExpressibleByArgument {
    let bytes: Int
    let defaultValueDescription: String

    init(mebibytes: Int) {
        bytes = mebibytes << 20
        defaultValueDescription = "\(mebibytes)M"
    }

    init?(argument: String) {
        let units = [("K", 10), ("M", 20), ("G", 30)]
        guard let (unit, bits) = units.first(where: { argument.hasSuffix($0.0) }),
            let number = Int(argument.dropLast(unit.count)), (1...1 << (46 - bits)).contains(number)
        else { return nil }
        bytes = number << bits
        defaultValueDescription = argument
    }
}
