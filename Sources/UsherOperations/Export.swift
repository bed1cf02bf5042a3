import UsherJSON
import UsherModel

/// EXPORT: all users with their password hashes, page by page, as IMPORT takes them.
struct Export: DeferredRequest {
    static let operation = Operation(
        name: "EXPORT",
        summary: "Give out the users with their password hashes, a page at a time, in the form that IMPORT takes.",
        members: [
            .init("after", "string, optional: the \"next\" of the page before; without it, the first page"),
            .init("limit", "integer, optional: how many users at most, 1 to \(Limits.exportUsers)"),
        ],
        example: #"{"op":"EXPORT","limit":500}"#,
        event: .exported, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in
            try Export(reading: request, line)
        })

    private let after: UserID?
    private let limit: Int

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>) throws(UsherError) {
        if let text = try request.string("after", in: line) {
            guard let id = UUIDv7(parsing: text) else {
                throw .invalidField("after", "The member \"after\" must be the \"next\" of the page before.")
            }
            after = UserID(id)
        } else {
            after = nil
        }
        limit = Int(try request.integer("limit", in: line, 1...Int64(Limits.exportUsers)) ?? Int64(Limits.exportUsers))
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        // One act, however many pages: that which a connection begins with, and whichever is the first one again.
        let isBegun = after != nil && attempt.caller.hasExported
        let entry = isBegun ? nil : service.act(Self.operation, of: attempt).entry(on: nil, Event.Change(before: nil, after: nil))
        let page = try await service.store.accounts(after: after, most: limit, bytes: Limits.exportBytes) { _ in entry }
        attempt.caller.noteExport()
        attempt.remark = "\(page.accounts.count.grouped) users" + (after.map { " after \($0)" } ?? "")
        return Page(page: page)
    }

    private struct Page: Output {
        let page: AccountPage

        func write(to writer: inout JSONWriter) {
            writer.name("users")
            writer.openArray()
            for account in page.accounts { account.write(to: &writer) }
            writer.closeArray()
            writer.name("next")
            if page.hasMore, let last = page.accounts.last { writer.value(last.user.id.description) } else { writer.null() }
        }
    }
}

extension Account {
    /// The user object, and what only an administrator sees.
    fileprivate func write(to writer: inout JSONWriter) {
        writer.openObject()
        user.writeMembers(to: &writer)
        writer.member("password_hash", passwordHash.text)
        writer.member("disabled", isDisabled)
        writer.closeObject()
    }
}
