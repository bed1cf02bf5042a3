import ArgumentParser
import UsherClient

struct Clients: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the programs that are connected, with what they have asked.",
        discussion: "A connection is of the process that made it, by its process id and its user.")

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        try await daemon.ask(Request("CLIENTS")) { reply in
            for line in HumanText.table(reply.objects("clients") ?? []) { Output.print(line) }
        }
    }
}
