import ArgumentParser
import Glibc
import UsherCrypto
import UsherJSON
import UsherModel

struct Calibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure what hashing a password takes on this machine, and recommend a cost.",
        discussion: """
            It hashes with rising cost until one takes longer than the target or more memory than that. Let it run while the machine is as busy as it \
            usually is. It asks no daemon.
            """)

    @Option(help: ArgumentHelp("What one hash may take: 250ms, 1s.", valueName: "time"))
    var target = TimeAmount(milliseconds: 250)

    @Option(help: ArgumentHelp("The memory that one hash may take: 64M, 1G.", valueName: "memory"))
    var memory = MemoryAmount(mebibytes: 64)

    @Flag(help: "Print the measurements as one JSON object.")
    var json = false

    /// With less, yescrypt is no better than bcrypt against whoever hashes on graphics cards.
    private static let leastYescrypt = 5

    func run() throws {
        var measured: [Measurement] = []
        if !json { Output.print("SCHEME    COST     TIME  MEMORY") }
        for scheme in PasswordSettings.Scheme.allCases {
            for cost in scheme.costs {
                let bytes = Measurement.bytes(scheme, cost)
                guard bytes <= memory.bytes else { break }
                let one = try Measurement(scheme, cost)
                measured.append(one)
                if !json { Output.print(one.text) }
                if one.microseconds > target.milliseconds * 1000 { break }
            }
        }
        let chosen = recommended(measured)
        if json { Output.line(report(measured, chosen)) } else { explain(chosen) }
        if chosen == nil { throw ExitStatus.refused }
    }

    /// The dearest within the target of yescrypt, or where that has to be too cheap, of bcrypt.
    private func recommended(_ measured: [Measurement]) -> Measurement? {
        let within = measured.filter { $0.microseconds <= target.milliseconds * 1000 }
        let yescrypt = within.last { $0.scheme == .yescrypt && $0.cost >= Self.leastYescrypt }
        return yescrypt ?? within.last { $0.scheme == .bcrypt && $0.cost >= 10 } ?? within.last { $0.scheme == .yescrypt }
            ?? within.last
    }

    private func explain(_ chosen: Measurement?) {
        Output.print("")
        guard let chosen else {
            return Output.complain(
                "No cost is within the target: a hash may take \(target.milliseconds) ms, \(memory.bytes >> 10) KiB.")
        }
        let workers = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1, 1)
        Output.print("The dearest within \(target.milliseconds) ms and \(memory.bytes >> 20) MiB, for /etc/usher/usher.toml:")
        Output.print("")
        Output.print("[password]\nscheme = \"\(chosen.scheme.rawValue)\"\ncost = \(chosen.cost)")
        Output.print("")
        let each = max(1_000_000 / max(chosen.microseconds, 1), 1)
        Output.print(
            "\(workers) at once (one less than this machine has processors) make about \((each * workers).grouped) logins a second "
                + "and take \(((chosen.bytes * workers) >> 20).grouped) MiB.")
    }

    private func report(_ measured: [Measurement], _ chosen: Measurement?) -> [UInt8] {
        var writer = JSONWriter()
        writer.openObject()
        writer.name("measured")
        writer.openArray()
        for one in measured { one.write(to: &writer) }
        writer.closeArray()
        writer.name("recommended")
        if let chosen { chosen.write(to: &writer) } else { writer.null() }
        writer.closeObject()
        return writer.bytes
    }
}

/// What one hash takes here.
private struct Measurement {
    let scheme: PasswordSettings.Scheme
    let cost: Int
    let microseconds: Int
    let bytes: Int

    init(_ scheme: PasswordSettings.Scheme, _ cost: Int) throws {
        self.scheme = scheme
        self.cost = cost
        bytes = Self.bytes(scheme, cost)
        do throws(UsherError) {
            let hasher = try CryptHasher(settings: PasswordSettings(scheme: scheme, cost: cost))
            microseconds = try Self.measure(hasher)
        } catch {
            throw Output.failure(error.cause ?? error.message)
        }
    }

    /// What libxcrypt's yescrypt fills by cost: 1 MiB at the lowest, and twice as much each time. bcrypt has 4 KiB at any.
    static func bytes(_ scheme: PasswordSettings.Scheme, _ cost: Int) -> Int {
        switch scheme {
        case .yescrypt: 1 << (19 + cost)
        case .bcrypt: 4 << 10
        }
    }

    /// The middle one of several runs: three, and as many as a quarter of a second holds.
    private static func measure(_ hasher: CryptHasher) throws(UsherError) -> Int {
        let password = SecretBytes(copying: Array("correct horse battery".utf8).span)
        var runs: [Duration] = []
        let start = ContinuousClock.now
        while runs.count < 3 || start.duration(to: .now) < .milliseconds(250) {
            let begin = ContinuousClock.now
            _ = try hasher.hash(password)
            runs.append(begin.duration(to: .now))
        }
        return Int(runs.sorted()[runs.count / 2] / .microseconds(1))
    }

    var text: String {
        let time = microseconds < 10_000 ? "\(microseconds / 1000).\(microseconds / 100 % 10)" : "\(microseconds / 1000)"
        let size = bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
        func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(width - text.count, 0)) + text }
        return HumanText.padded(scheme.rawValue, to: 8) + right(String(cost), 6) + right(time, 6) + " ms" + right(size, 8)
    }

    func write(to writer: inout JSONWriter) {
        writer.openObject()
        writer.member("scheme", scheme.rawValue)
        writer.member("cost", Int64(cost))
        writer.member("microseconds", Int64(microseconds))
        writer.member("bytes", Int64(bytes))
        writer.closeObject()
    }
}
