import ArgumentParser
import Glibc
import UsherClient

struct Clients: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the connections: the process at the other end, its user, and what it has asked.")

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        let client = daemon.client()
        var rows = [["PROCESS", "PROGRAM", "USER", "SOCKET", "AGE", "REQUESTS", "IN FLIGHT"]]
        var after: Int64?
        repeat {
            var request = Request("CLIENTS")
            request.set("after", after)
            let page = try await daemon.reply(to: request, of: client)
            if daemon.json { Output.line(page.json) } else { rows += (page.objects("clients") ?? []).map(Self.row) }
            after = page.integer("after")
        } while after != nil
        if daemon.json { return }
        for line in HumanText.aligned(rows, figures: 4) { Output.print(line) }
    }

    private static func row(_ client: ReplyObject) -> [String] {
        func number(_ name: StaticString) -> String { client.integer(name).map { String($0) } ?? "-" }
        let pid = client.integer("pid") ?? 0
        return [
            number("pid"), program(pid), client.integer("uid").map(user) ?? "-",
            HumanText.printable(client.string("socket") ?? "-"),
            "\(number("age")) s", number("requests"), client.bool("watching") == true ? "watching" : number("in_flight"),
        ]
    }

    /// What runs under the number now: the process may have ended, and handed its connection on, since it made it.
    private static func program(_ pid: Int64) -> String {
        let name = (try? TextFile.read("/proc/\(pid)/comm"))?.split(separator: "\n").first.map(String.init)
        return name.map(HumanText.printable) ?? "-"
    }

    private static func user(_ uid: Int64) -> String {
        guard let entry = unsafe getpwuid(uid_t(truncatingIfNeeded: uid)), let name = unsafe entry.pointee.pw_name else {
            return String(uid)
        }
        return HumanText.printable(unsafe String(cString: name))
    }
}
