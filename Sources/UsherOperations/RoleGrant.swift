import UsherJSON
import UsherModel

/// ROLE_GRANT: all who have a role may do more; one that is not there yet is made.
struct RoleGrant: DeferredRequest {
    static let operation = Operation(
        name: "ROLE_GRANT",
        summary: "Let all users of a role do more; makes the role if there is none.",
        members: [.init("role", "string"), .init("permissions", "list of strings: those to add")],
        example: #"{"op":"ROLE_GRANT","role":"editor","permissions":["post:*","comment:delete"]}"#,
        event: .roleChanged, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in
            RoleGrant(name: try request.requiredRole(in: line), granted: try request.requiredPermissions(in: line))
        })

    let name: String
    let granted: [Permission]

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let edited = try await service.editRole(name, by: Self.operation, as: attempt) { [granted] before throws(UsherError) in
            var permissions = before ?? []
            for permission in granted where !permissions.contains(bytesOf: permission) { permissions.append(permission) }
            return permissions
        }
        guard let role = edited.after else { throw .noSuchRole }
        return ShownRole(role: role)
    }
}
