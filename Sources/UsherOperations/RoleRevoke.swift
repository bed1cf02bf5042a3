import UsherJSON
import UsherModel

/// ROLE_REVOKE: all who have a role may do less.
struct RoleRevoke: DeferredRequest {
    static let operation = Operation(
        name: "ROLE_REVOKE",
        summary: "Take permissions away from a role.",
        members: [
            .init("role", "string"), .init("permissions", "list of strings: those to take away; others in it are no error"),
        ],
        example: #"{"op":"ROLE_REVOKE","role":"editor","permissions":["comment:delete"]}"#,
        event: .roleChanged, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in
            RoleRevoke(name: try request.requiredRole(in: line), revoked: try request.requiredPermissions(in: line))
        })

    let name: String
    let revoked: [Permission]

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let edited = try await service.editRole(name, by: Self.operation, as: attempt) { [revoked] before throws(UsherError) in
            guard let before else { throw .noSuchRole }
            return before.filter { !revoked.contains(bytesOf: $0) }
        }
        guard let role = edited.after else { throw .noSuchRole }
        return ShownRole(role: role)
    }
}
