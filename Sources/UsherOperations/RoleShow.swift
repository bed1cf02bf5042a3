import UsherJSON
import UsherModel

/// ROLE_SHOW: what a role allows.
enum RoleShow {
    static let operation = Operation(
        name: "ROLE_SHOW",
        summary: "Show a role.",
        members: [.init("role", "string")],
        example: #"{"op":"ROLE_SHOW","role":"editor"}"#,
        event: nil, place: .admin,
        run: .immediate { request, line, _, service, writer throws(UsherError) in
            let name = try request.requiredRole(in: line)
            guard let role = service.roles.byName[name] else { throw .noSuchRole }
            ShownRole(role: role).write(to: &writer)
        })
}
