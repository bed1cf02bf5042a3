import ArgumentParser
import UsherClient

/// The options of every command that asks the daemon.
struct DaemonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The admin socket of the daemon.", valueName: "path"), completion: .file())
    var socket = UsherClient.usualAdminPath

    @Flag(help: "Print the daemon's reply as it is: one JSON object on one line.")
    var json = false

    @Option(help: ArgumentHelp("How many seconds to wait for a reply.", valueName: "seconds"))
    var timeout = 30

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout is 1 to 86400 seconds.") }
    }

    func client(reconnects: Bool = true) -> UsherClient {
        UsherClient(path: socket, timeout: .seconds(timeout), reconnects: reconnects)
    }

    /// Asks, and prints the reply, or why there is none.
    /// - Parameter show: prints it for people.
    func ask(_ request: Request, show: (ReplyObject) -> Void) async throws {
        let reply = try await reply(to: request, of: client())
        if json { Output.line(reply.json) } else { show(reply) }
    }

    /// Asks; a refusal is printed and ends the command.
    /// - Parameter remark: what is said after the refusal.
    func reply(to request: Request, of client: UsherClient, timeout: Duration? = nil, remark: String = "") async throws
        -> ReplyObject
    {
        do throws(ClientFailure) {
            return try await client.call(request, timeout: timeout)
        } catch {
            throw report(error, remark: remark)
        }
    }

    /// - Returns: what the command throws.
    func report(_ failure: ClientFailure, remark: String = "") -> ExitCode {
        if json, let refusal = failure.refusal { Output.line(refusal.reply.json) }
        Output.complain(HumanText.printable(failure.description) + remark + advice(failure))
        return ExitStatus.of(failure)
    }

    private func advice(_ failure: ClientFailure) -> String {
        switch failure {
        case .denied, .misuse: ""
        case .retryLater(let refusal):
            refusal.retryAfter.map { " Try again in \(max($0.components.seconds, 1)) s." } ?? " Try again later."
        case .lost(let lost):
            switch lost.reason {
            case .unreachable: " Does usherd run, and may you ask it? `sudo usherctl doctor` looks into it."
            // systemd holds on to what is asked of a daemon that does not start.
            case .timedOut: " Is it well? `sudo usherctl doctor` looks into it."
            case .ended, .garbled, .cancelled: ""
            }
        }
    }
}
