import UsherJSON
import UsherModel

/// USER_LIST: the accounts, or those that are looked for, page by page.
struct UserList: DeferredRequest {
    static let operation = Operation(
        name: "USER_LIST",
        summary: "List accounts, a page at a time.",
        members: [
            .init("search", "string, optional: what the username or the email begins with, in any case"),
            .init("role", "string, optional: those of that role alone"),
            .init("disabled", "boolean, optional: those alone that are, or that are not"),
            .init("limit", "integer, optional: how many at most, 1 to \(Limits.listUsers), 100 by default"),
            .init("after", "string, optional: the \"after\" of the page before; without it, the first page"),
        ],
        example: #"{"op":"USER_LIST","search":"ada","limit":20}"#,
        event: .userShown, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in try UserList(reading: request, line) })

    private let query: UserQuery

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>) throws(UsherError) {
        var query = UserQuery(
            search: try request.string("search", in: line), role: try request.string("role", in: line),
            isDisabled: try request.optionalBool("disabled", in: line),
            most: Int(try request.integer("limit", in: line, 1...Int64(Limits.listUsers)) ?? 100))
        if let text = try request.string("after", in: line) {
            // Names look like ids now and then; which it is the search tells.
            query.after =
                query.search == nil
                ? UUIDv7(parsing: text).map { .id(UserID($0)) } : LoginName(parsing: text).map(AccountKey.name)
            guard query.after != nil else {
                throw .invalidField("after", "The member \"after\" must be that of the page before, of the same search.")
            }
        }
        self.query = query
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let page = try await service.store.users(query)
        attempt.remark = "\(page.users.count.grouped) users"
        return Page(page: page)
    }

    private struct Page: Output {
        let page: UserPage

        func write(to writer: inout JSONWriter) {
            writer.name("users")
            writer.openArray()
            for record in page.users { record.write(to: &writer) }
            writer.closeArray()
            writer.name("after")
            switch page.next {
            case .id(let id): writer.value(id.description)
            case .name(let name): writer.value(name.text)
            case nil: writer.null()
            }
        }
    }
}
