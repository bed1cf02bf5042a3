import ArgumentParser
import UsherClient

struct Metrics: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the daemon's figures in the text format of Prometheus.",
        discussion: "With --textfile they are for the textfile collector of the node exporter, which never sees half a file.")

    @Option(
        help: ArgumentHelp(
            "Write a file, mode 0644, instead of the one that is there; its name ends in .prom.", valueName: "path"),
        completion: .file(extensions: ["prom"]))
    var textfile: String?

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if let textfile, !textfile.hasSuffix(".prom") || textfile.hasSuffix("/.prom") {
            throw ValidationError("--textfile: the collector reads files that end in .prom alone.")
        }
        if textfile != nil, daemon.json { throw ValidationError("--textfile and --json do not go together.") }
    }

    func run() async throws {
        let reply = try await daemon.reply(to: Request("METRICS"), of: daemon.client())
        if daemon.json { return Output.line(reply.json) }
        guard let metrics = reply.string("metrics") else {
            throw Output.failure("The daemon's reply has no metrics.", ExitStatus.unreachable)
        }
        let text = Array((metrics.isEmpty || metrics.hasSuffix("\n") ? metrics : metrics + "\n").utf8)
        guard let textfile else { return Output.write(text) }
        var file = try NewFile(at: textfile, mode: 0o644)
        try file.write(text)
        try file.finish()
    }
}
