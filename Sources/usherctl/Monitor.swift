import ArgumentParser
import UsherClient

struct Monitor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show events as they happen, until Ctrl-C.",
        discussion: "No event has a password, a token or a hash in it. Who reads too slowly is dropped; the daemon does not wait."
    )

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        let client = daemon.client()
        do throws(ClientFailure) {
            _ = try await client.watch(Request("MONITOR"))
            while true {
                let line = try await client.nextEvent()
                if daemon.json {
                    Output.line(line.json)
                } else {
                    Output.print(HumanText.event(line.object("event") ?? line))
                }
            }
        } catch {
            throw daemon.report(error)
        }
    }
}
