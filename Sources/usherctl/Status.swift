import ArgumentParser
import UsherClient
import UsherModel

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what the daemon is doing, and count what it was asked since its start.")

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        try await daemon.ask(Request("STATUS")) { reply in
            let status = DaemonStatus(reply)
            for line in HumanText.details(reply, without: ["id", "ok", "operations", "latency_bounds_ns"]) { Output.print(line) }
            guard !status.operations.isEmpty else { return }
            let rows = status.operations.map { operation in
                [
                    operation.name, Int(operation.requests).grouped, Int(operation.refused).grouped,
                    operation.latency(0.5, status.bounds), operation.latency(0.99, status.bounds),
                ]
            }
            Output.print("")
            for line in HumanText.aligned([["OPERATION", "REQUESTS", "REFUSED", "P50", "P99"]] + rows, figures: 1) {
                Output.print(line)
            }
        }
    }
}
