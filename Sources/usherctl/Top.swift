import ArgumentParser
import Glibc
import UsherClient
import UsherModel

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch what the daemon is doing, until q.",
        discussion: """
            Once a second: requests a second by operation, and what half of them and 99 of 100 took at most in the last ten seconds. A daemon that is \
            away for a while is waited for.
            """)

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if daemon.json { throw ValidationError("--json goes with `usherctl status`.") }
    }

    func run() async throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw ValidationError("top is for a terminal: `usherctl status` prints the same once.")
        }
        let client = daemon.client()
        var view = TopView(try await daemon.reply(to: Request("STATUS"), of: client))
        guard let screen = Screen() else { throw Output.failure("the terminal: \(errorText(errno)).") }
        while true {
            screen.draw(view.lines(screen.size))
            if screen.waitForQuit(.seconds(1)) { return }
            do throws(ClientFailure) {
                view.update(try await client.call(Request("STATUS"), timeout: .seconds(2)))
            } catch {
                view.isAway(HumanText.printable(error.description))
            }
        }
    }
}

/// What `top` shows.
struct TopView {
    private struct Sample {
        let time: ContinuousClock.Instant
        let status: DaemonStatus
    }

    /// Up to eleven, of the last ten seconds; never empty.
    private var samples: [Sample]
    private var trouble: String?

    init(_ reply: ReplyObject) { samples = [Sample(time: .now, status: DaemonStatus(reply))] }

    mutating func update(_ reply: ReplyObject) {
        trouble = nil
        samples.append(Sample(time: .now, status: DaemonStatus(reply)))
        if samples.count > 11 { samples.removeFirst() }
    }

    mutating func isAway(_ why: String) { trouble = why }

    func lines(_ size: (rows: Int, columns: Int)) -> [String] {
        let now = samples[samples.count - 1]
        let reply = now.status.reply
        func number(_ name: StaticString) -> String { reply.integer(name).map { Int($0).grouped } ?? "-" }
        func part(_ object: ReplyObject?, _ name: StaticString) -> String { object?.integer(name).map { Int($0).grouped } ?? "-" }
        let (hashing, store) = (reply.object("hashing"), reply.object("store"))
        let head = [
            "usherd \(HumanText.printable(reply.string("version") ?? "-")), up \(Self.uptime(reply.integer("uptime") ?? 0)); q quits",
            trouble.map { "DOES NOT ANSWER: \($0)" }
                ?? "\(number("connections")) of \(number("max_connections")) connections, \(number("in_flight")) in flight, "
                + "\(number("watching")) watching, \(number("turned_away")) turned away",
            "\(part(hashing, "busy")) of \(part(hashing, "workers")) hashing, \(part(hashing, "queue")) of \(part(hashing, "max_queue")) waiting; "
                + "store \(HumanText.printable(store?.string("health") ?? "-")), \(part(store, "queue")) of \(part(store, "max_queue")) waiting",
            "\(number("revocations")) revocations, \(number("unsettled_revocations")) not stored; \(number("throttle_buckets")) throttle counts; "
                + "\(number("verified")) tokens verified",
            "",
        ]
        return Array((head + table(now.status)).prefix(size.rows)).map { String($0.prefix(size.columns)) }
    }

    /// The operations, the busiest first.
    private func table(_ status: DaemonStatus) -> [String] {
        let last = samples.count > 1 ? samples[samples.count - 2] : nil
        let seconds = last.map { $0.time.duration(to: samples[samples.count - 1].time) / .seconds(1) } ?? 1
        func before(_ name: String, _ sample: Sample?) -> OperationFigures? {
            sample?.status.operations.first { $0.name == name }
        }
        let rows = status.operations.map { operation in
            let lately = operation.since(before(operation.name, last) ?? (last == nil ? operation : nil))
            let window = samples.count > 1 ? operation.since(before(operation.name, samples[0])) : operation
            func rate(_ count: Int64) -> Int { Int((Double(count) / max(seconds, 0.001)).rounded()) }
            return (
                rate(lately.requests), operation.requests,
                [
                    operation.name, rate(lately.requests).grouped, rate(lately.refused).grouped,
                    window.latency(0.5, status.bounds),
                    window.latency(0.99, status.bounds), Int(operation.requests).grouped,
                ]
            )
        }
        let sorted = rows.sorted { ($0.0, $0.1, $1.2[0]) > ($1.0, $1.1, $0.2[0]) }.map(\.2)
        return HumanText.aligned(
            [["OPERATION", "    A SECOND", "REFUSED", "   P50", "   P99", "      TOTAL"]] + sorted, figures: 1)
    }

    private static func uptime(_ seconds: Int64) -> String {
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let days = seconds >= 86_400 ? "\(seconds / 86_400) d " : ""
        return days + "\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}
