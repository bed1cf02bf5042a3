import UsherJSON
import UsherModel

/// USER_SHOW: an account as administrators see it.
struct UserShow: DeferredRequest {
    static let operation = Operation(
        name: "USER_SHOW",
        summary: "Show an account.",
        members: [.init("user", "string: an id, a username or an email")],
        example: #"{"op":"USER_SHOW","user":"ada"}"#,
        event: .userShown, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in UserShow(key: try request.accountKey(in: line)) })

    let key: AccountKey?

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        AdministeredUser(record: try await service.find(key, as: attempt))
    }
}
