import ArgumentParser
import Glibc
import UsherClient

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what administrators did, the latest first: who, what, to whom, and what it changed.",
        discussion: "Kept for as long as [audit] in the daemon's settings says.")

    @Option(
        help: ArgumentHelp(
            "What was done to this user: a username, an email, or an id, also of a user who is gone.", valueName: "user"))
    var user: String?

    @Option(help: ArgumentHelp("What this administrator did: a login name of this machine, or a uid.", valueName: "who"))
    var actor: String?

    @Option(help: ArgumentHelp("What was done by this operation, such as USER_SET.", valueName: "name"))
    var operation: String?

    @Option(help: ArgumentHelp("How many acts at most, 1 to 1000; with --all, on a page.", valueName: "number"))
    var limit: Int64 = 100

    @Option(help: ArgumentHelp("Go on behind the act of this number.", valueName: "number"))
    var after: Int64?

    @Flag(help: "Show all pages.")
    var all = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000.") }
        if let actor, Self.uid(of: actor) == nil {
            throw ValidationError("There is no user \(HumanText.printable(actor)) on this machine; give a uid.")
        }
    }

    func run() async throws {
        let client = daemon.client()
        var rows = [["NUMBER", "TIME", "WHO", "WHAT", "ON", "CHANGE"]]
        var next = after
        var found = 0
        repeat {
            // The daemon ends a page when it has looked at many, whatever it found among them.
            let page = try await daemon.reply(to: request(after: next, limit: all ? limit : limit - Int64(found)), of: client)
            let acts = page.objects("entries") ?? []
            if daemon.json { Output.line(page.json) } else { rows += acts.map(Self.row) }
            found += acts.count
            next = page.integer("after")
        } while next != nil && (all || found < limit)
        if daemon.json { return }
        if found == 0 { Output.remark("There are none.") } else { for line in HumanText.aligned(rows) { Output.print(line) } }
        if let next { Output.remark("There are more: --after \(next), or --all.") }
    }

    private func request(after: Int64?, limit: Int64) -> Request {
        var request = Request("AUDIT")
        request.set("user", user)
        request.set("actor", actor.flatMap(Self.uid))
        request.set("operation", operation)
        request.set("limit", limit)
        request.set("after", after)
        return request
    }

    private static func uid(of name: String) -> Int64? {
        if let uid = UInt32(name) { return Int64(uid) }
        return unsafe getpwnam(name).map { unsafe Int64($0.pointee.pw_uid) }
    }

    private static func row(_ act: ReplyObject) -> [String] {
        let actor = act.object("actor")
        let who = actor?.string("name") ?? actor?.integer("uid").map { String($0) }
        let subject = act.object("user")?.string("username") ?? act.string("role")
        return [
            act.integer("id").map { String($0) } ?? "-", act.integer("at").map(LocalTime.text) ?? "-",
            HumanText.printable(who ?? "-"), HumanText.printable(act.string("op") ?? "-"), HumanText.printable(subject ?? "-"),
            change(from: act.object("before"), to: act.object("after")),
        ]
    }

    /// `role: user -> editor`; of what was made or deleted, what it is or was.
    private static func change(from before: ReplyObject?, to after: ReplyObject?) -> String {
        let (old, new) = (before?.members ?? [], after?.members ?? [])
        let names = old.map(\.name) + new.map(\.name).filter { name in !old.contains { $0.name == name } }
        let changes = names.map { name in
            let values = [old, new].map { members in
                members.first { $0.name == name }.map { HumanText.value($0.value, of: name) }
            }
            return "\(HumanText.printable(name)): " + values.compactMap(\.self).joined(separator: " -> ")
        }
        return changes.isEmpty ? "-" : changes.joined(separator: "; ")
    }
}
