import ArgumentParser
import UsherClient

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what the daemon is doing.")

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        try await daemon.ask(Request("STATUS")) { reply in
            for line in HumanText.details(reply, without: ["id", "ok"]) { Output.print(line) }
        }
    }
}
