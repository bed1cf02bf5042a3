import ArgumentParser
import UsherClient

struct UserExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Give out all users with their password hashes, as `user import` takes them.",
        discussion: """
            One JSON object a line, in the order of their ids. Keep it as you would keep the database. Users that are added, changed or deleted \
            meanwhile may be in it or not. Sessions do not come along.
            """)

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Write a file, mode 0600, which appears when it is whole.", valueName: "file"),
        completion: .file())
    var output: String?

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        if let output {
            var file = try NewFile(at: output, mode: 0o600)
            try await pages { bytes throws in try file.write(bytes) }
            try file.finish()
        } else {
            try await pages { Output.write($0) }
        }
    }

    private func pages(_ write: ([UInt8]) throws -> Void) async throws {
        let client = daemon.client()
        var progress = Progress()
        var count = 0
        var next: String?
        repeat {
            var request = Request("EXPORT")
            request.set("limit", 1_000)
            request.set("after", next)
            let page: ReplyObject
            do throws(ClientFailure) {
                page = try await client.call(request)
            } catch {
                progress.clear()
                throw daemon.report(error, remark: output == nil ? " What was printed is not all." : "")
            }
            let users = page.rawElements("users") ?? []
            let lines = daemon.json ? [page.json[...]] : users
            try write(Array(lines.map { $0 + [UInt8(ascii: "\n")] }.joined()))
            count += users.count
            progress.show(count, "users")
            next = page.string("next")
        } while next != nil
        progress.clear()
    }
}
