import UsherJSON
import UsherModel

/// BACKUP: a copy of the database, made while the daemon serves, and given out in parts.
struct Backup: DeferredRequest {
    static let operation = Operation(
        name: "BACKUP",
        summary: "Make a copy of the database, or give out a part of the one that this connection has made.",
        members: [
            .init("offset", "integer, optional: the first byte of the part; without it, a copy is made")
        ],
        example: #"{"op":"BACKUP"}"#,
        event: nil, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in
            Backup(offset: try request.integer("offset", in: line, 0...1 << 53).map { Int($0) })
        })

    /// Nil to make a copy.
    let offset: Int?

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        if let offset { return try await part(at: offset, service, attempt.caller) }
        attempt.finding = .backedUp
        let underWay = try service.claimBackup(for: attempt.caller)
        defer { underWay.isBusy = false }
        do throws(UsherError) {
            let act = service.act(Self.operation, of: attempt).entry(on: nil, Event.Change(before: nil, after: nil))
            let size = try await service.store.makeCopy { act }
            attempt.remark = "\(size.grouped) bytes"
            return Made(size: size)
        } catch {
            await service.end(underWay)
            throw error
        }
    }

    /// The last part ends the backup.
    private func part(at offset: Int, _ service: AuthService, _ caller: Caller) async throws(UsherError) -> any Output {
        guard let underWay = service.backupUnderWay, underWay.caller === caller else {
            throw .invalidField("offset", "This connection has made no copy, or was given all of it.")
        }
        try underWay.claim(for: caller, named: "backup")
        defer { underWay.isBusy = false }
        let bytes = try await service.store.readCopy(at: offset, most: Limits.backupPart)
        let isLast = bytes.count < Limits.backupPart
        if isLast { await service.end(underWay) }
        return Part(data: Base64.encode(bytes), next: isLast ? nil : Int64(offset + bytes.count))
    }

    private struct Made: Output {
        let size: Int
        func write(to writer: inout JSONWriter) { writer.member("size", Int64(size)) }
    }

    private struct Part: Output {
        /// In base64.
        let data: [UInt8]
        let next: Int64?

        func write(to writer: inout JSONWriter) {
            writer.name("data")
            writer.plain(data.span)
            writer.name("next")
            if let next { writer.value(next) } else { writer.null() }
        }
    }
}
