import UsherJSON
import UsherModel

/// ROLE_DELETE: a role allows nothing any more. Users who have it keep its name.
struct RoleDelete: DeferredRequest {
    static let operation = Operation(
        name: "ROLE_DELETE",
        summary: "Delete a role; users keep its name, which then allows nothing.",
        members: [.init("role", "string")],
        example: #"{"op":"ROLE_DELETE","role":"editor"}"#,
        event: .roleChanged, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in RoleDelete(name: try request.requiredRole(in: line)) })

    let name: String

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let edited = try await service.editRole(name, by: Self.operation, as: attempt) { before throws(UsherError) in
            guard before != nil else { throw .noSuchRole }
            return nil
        }
        guard let role = edited.before else { throw .noSuchRole }
        return Deleted(role: role)
    }

    private struct Deleted: Output {
        let role: Role

        func write(to writer: inout JSONWriter) {
            ShownRole(role: role).write(to: &writer)
            writer.member("deleted", true)
        }
    }
}
