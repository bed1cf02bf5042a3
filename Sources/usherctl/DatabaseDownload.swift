import ArgumentParser
import UsherClient

/// A copy of the daemon's database, as BACKUP makes it and gives it out.
enum DatabaseDownload {
    /// - Returns: its size in bytes.
    static func run(_ daemon: DaemonOptions, into file: borrowing NewFile) async throws -> Int {
        // The copy belongs to the connection.
        let client = daemon.client(reconnects: false)
        // To make it takes as long as it takes.
        let made = try await daemon.reply(to: Request("BACKUP"), of: client, timeout: .seconds(max(daemon.timeout, 3_600)))
        let size = Int(made.integer("size") ?? 0)
        var progress = Progress()
        defer { progress.clear() }
        var count = 0
        var next: Int64? = 0
        while let offset = next {
            var request = Request("BACKUP")
            request.set("offset", offset)
            let part = try await daemon.reply(to: request, of: client)
            guard let bytes = part.bytes("data") else { throw Output.failure("The daemon's copy is garbled.") }
            try file.write(bytes)
            count += bytes.count
            progress.show(count >> 20, "MiB", share: size > 0 ? Double(count) / Double(size) : nil)
            next = part.integer("next")
        }
        guard count == size else { throw Output.failure("The daemon gave out \(count) bytes of \(size).") }
        return size
    }
}
