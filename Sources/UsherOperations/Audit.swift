import UsherJSON
import UsherModel
import UsherToken

/// AUDIT: what administrators did, the latest first, page by page.
struct Audit: DeferredRequest {
    static let operation = Operation(
        name: "AUDIT",
        summary: "List what administrators did, the latest first, a page at a time.",
        members: [
            .init(
                "user", "string, optional: what was done to this one; an id, also of a user who is gone, a username or an email"),
            .init("actor", "integer, optional: what was done by this uid"),
            .init("operation", "string, optional: what was done by this operation"),
            .init("limit", "integer, optional: how many at most, 1 to \(Limits.auditActs), 100 by default"),
            .init("after", "integer, optional: the \"after\" of the page before; without it, the first page"),
        ],
        example: #"{"op":"AUDIT","user":"ada","limit":20}"#,
        event: .userShown, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in try Audit(reading: request, line) })

    private let user: String?
    private let query: AuditQuery

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>) throws(UsherError) {
        user = try request.string("user", in: line)
        let op = try request.string("operation", in: line)?.uppercased()
        if let op, !Registry.operations.contains(where: { $0.name == op }) {
            throw .invalidField("operation", "There is no such operation.")
        }
        query = AuditQuery(
            actor: try request.integer("actor", in: line, 0...Int64(UInt32.max)).map { UInt32($0) }, op: op,
            before: try request.integer("after", in: line, 1...Int64.max),
            most: Int(try request.integer("limit", in: line, 1...Int64(Limits.auditActs)) ?? 100))
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        var query = query
        if let user {
            switch AccountKey(parsing: user) {
            // Also of who is gone.
            case .id(let id): query.user = id
            case .name(let name): query.user = try await service.find(.name(name), as: attempt).user.id
            case nil: throw .noSuchUser
            }
        }
        let page = try await service.store.acts(query)
        attempt.remark = "\(page.acts.count.grouped) entries"
        return Page(page: page)
    }

    private struct Page: Output {
        let page: AuditPage

        func write(to writer: inout JSONWriter) {
            writer.name("entries")
            writer.openArray()
            for act in page.acts { act.write(to: &writer) }
            writer.closeArray()
            writer.name("after")
            if let next = page.next { writer.value(next) } else { writer.null() }
        }
    }
}

extension JSONWriter {
    /// - Parameter text: of a JSON object; nil for null.
    fileprivate mutating func value(object text: String?) {
        guard let text else { return null() }
        let bytes = Array(text.utf8)
        rawOnOneLine(bytes.span)
    }
}

extension AuditRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.openObject()
        writer.member("id", id)
        writer.member("at", entry.at)
        writer.member("op", entry.op)
        writer.name("actor")
        writer.openObject()
        writer.member("uid", Int64(entry.actor.uid))
        writer.name("name")
        if let name = entry.actor.loginName { writer.value(name) } else { writer.null() }
        writer.closeObject()
        switch entry.subject {
        case .user(let id, let username):
            writer.name("user")
            writer.openObject()
            writer.member("id", id.uuid)
            writer.member("username", username)
            writer.closeObject()
        case .role(let name): writer.member("role", name)
        case nil: break
        }
        writer.name("before")
        writer.value(object: entry.change.before)
        writer.name("after")
        writer.value(object: entry.change.after)
        writer.closeObject()
    }
}
