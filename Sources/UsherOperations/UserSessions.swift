import UsherJSON
import UsherModel

/// USER_SESSIONS: where a user is logged in.
struct UserSessions: DeferredRequest {
    static let operation = Operation(
        name: "USER_SESSIONS",
        summary: "List the sessions of a user.",
        members: [.init("user", "string: an id, a username or an email")],
        example: #"{"op":"USER_SESSIONS","user":"ada"}"#,
        event: .userShown, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in UserSessions(key: try request.accountKey(in: line)) })

    let key: AccountKey?

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let user = try await service.find(key, as: attempt).user.id
        return SessionList(sessions: try await service.sessions(of: user), current: nil)
    }
}
