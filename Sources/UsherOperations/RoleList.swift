import UsherJSON
import UsherModel

/// ROLE_LIST: the roles that are defined, by their names, page by page.
enum RoleList {
    static let operation = Operation(
        name: "ROLE_LIST",
        summary: "List the roles, a page at a time.",
        members: [
            .init("limit", "integer, optional: how many at most, 1 to \(most), and so many by default"),
            .init("after", "string, optional: the \"after\" of the page before; without it, the first page"),
        ],
        example: #"{"op":"ROLE_LIST"}"#,
        event: nil, place: .admin,
        run: .immediate { request, line, _, service, writer throws(UsherError) in
            let limit = try request.integer("limit", in: line, 1...Int64(most)) ?? Int64(most)
            let after = try request.string("after", in: line)
            let rest = service.roles.byName.values.filter { role in after.map { $0 < role.name } ?? true }
            let page = rest.sorted { $0.name < $1.name }.prefix(Int(limit))
            writer.name("roles")
            writer.openArray()
            for role in page { role.write(to: &writer) }
            writer.closeArray()
            writer.name("after")
            if page.count < rest.count, let last = page.last { writer.value(last.name) } else { writer.null() }
        })

    /// So many that they are one reply.
    private static let most = Limits.unsentReplies / (Limits.rolePermissions + 128)
}
