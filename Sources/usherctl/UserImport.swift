import ArgumentParser
import UsherClient
import UsherJSON
import UsherModel

struct UserImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring users along, with the password hashes that they have: all of a file, or none.",
        discussion: """
            The file has one JSON object a line, with at least "username" and "email"; protocol.md (IMPORT) has the other members, and which hashes \
            are taken. A line that is at fault is named, and nothing is imported. What `usherctl user export` wrote can be imported as it is.
            """)

    @Argument(help: "The file; - for standard input.", completion: .file())
    var file: String

    @OptionGroup var daemon: DaemonOptions

    /// A batch stays below the daemon's usual `max_line`, 65,536.
    private static let batchBytes = 60_000
    private static let batchUsers = 1_000
    /// The user stands in a list, in an object.
    private static let nesting = 30
    private static let nothing = " Nothing is imported."

    /// Users on lines that follow each other.
    private struct Batch {
        let firstLine: Int
        var json = [UInt8(ascii: "[")]
        var count = 0

        mutating func append(_ user: [UInt8]) {
            if count > 0 { json.append(UInt8(ascii: ",")) }
            json += user
            count += 1
        }

        var request: Request {
            var request = Request("IMPORT")
            request.set("line", Int64(firstLine))
            request.set("users", json: json + [UInt8(ascii: "]")])
            return request
        }
    }

    func run() async throws {
        var lines = try LineReader(file)
        // What was staged belongs to its connection: a second one would know nothing of it.
        let client = daemon.client(reconnects: false)
        var progress = Progress()
        var staged = 0
        var batch: Batch?
        while let line = try lines.next() {
            let isBlank = line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            if !isBlank { try check(line, number: lines.count, progress) }
            // Lines are counted from the batch's first: one that is left out ends it.
            if let full = batch, isBlank || full.json.count + line.count > Self.batchBytes || full.count == Self.batchUsers {
                try await send(full, client, progress)
                staged += full.count
                batch = nil
                progress.show(staged, "users sent", share: lines.size.map { Double(lines.bytesRead) / Double(max($0, 1)) })
            }
            if isBlank { continue }
            var growing = batch ?? Batch(firstLine: lines.count)
            growing.append(line)
            batch = growing
        }
        if let batch {
            try await send(batch, client, progress)
            staged += batch.count
        }
        guard staged > 0 else { throw Output.failure("There are no users in it." + Self.nothing) }
        progress.show(staged, "users sent; they become accounts now")
        try await commit(staged, client, progress)
    }

    private func check(_ line: [UInt8], number: Int, _ progress: Progress) throws {
        var reader = JSONReader(nesting: Self.nesting)
        do throws(JSONFault) {
            try reader.read(line.span)
        } catch {
            progress.clear()
            throw Output.failure(
                "Line \(number): \(error.reason.rawValue), at byte \(error.offset + 1)." + Self.nothing, ExitStatus.refused)
        }
    }

    private func send(_ batch: Batch, _ client: UsherClient, _ progress: Progress) async throws {
        do throws(ClientFailure) {
            _ = try await client.call(batch.request, timeout: .seconds(max(daemon.timeout, 60)))
        } catch {
            progress.clear()
            // Too long a line is refused before it is read: the daemon cannot name it.
            let isTold = error.refusal.map { $0.reply.integer("line") != nil || $0.code != "line_too_long" } ?? true
            throw daemon.report(error, remark: isTold ? Self.nothing : " It is line \(batch.firstLine)." + Self.nothing)
        }
    }

    private func commit(_ count: Int, _ client: UsherClient, _ progress: Progress) async throws {
        var request = Request("IMPORT")
        request.set("commit", Int64(count))
        let reply: ReplyObject
        do throws(ClientFailure) {
            reply = try await client.call(request, timeout: .seconds(max(daemon.timeout, 600)))
        } catch {
            progress.clear()
            throw daemon.report(error, remark: isUnknown(error) ? Self.unknown : Self.nothing)
        }
        progress.clear()
        if daemon.json { return Output.line(reply.json) }
        let imported = Int(reply.integer("imported") ?? 0)
        Output.print(imported == 1 ? "1 user is imported." : "\(imported.grouped) users are imported.")
    }

    private static let unknown =
        " Whether the users were imported is not known. Repeat the import: if its first user exists by then, all do."

    /// Whether a failure of the last step leaves it open what came of it.
    private func isUnknown(_ failure: ClientFailure) -> Bool {
        switch failure {
        case .denied, .misuse: false
        case .retryLater(let refusal): refusal.code != "busy" && refusal.code != "shutting_down"
        case .lost: true
        }
    }
}
