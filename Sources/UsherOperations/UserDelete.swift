import UsherJSON
import UsherModel

/// USER_DELETE: what DELETE does, to any account.
struct UserDelete: DeferredRequest {
    static let operation = Operation(
        name: "USER_DELETE",
        summary: "Delete an account.",
        members: [.init("user", "string: an id, a username or an email")],
        example: #"{"op":"USER_DELETE","user":"ada"}"#,
        event: .userDeleted, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in UserDelete(key: try request.accountKey(in: line)) })

    let key: AccountKey?

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let user = try await service.find(key, as: attempt).user.id
        let act = service.act(Self.operation, of: attempt)
        let deleted = try await service.store.delete(user, verified: nil, until: service.lastExpiry()) {
            $0.map { act.entry(on: $0.record.user, Event.Change(from: $0.record, to: nil)) }
        }
        guard let deleted else { throw .noSuchUser }
        service.refuse([deleted.revocation])
        attempt.change = Event.Change(from: deleted.record, to: nil)
        return Deleted(record: deleted.record)
    }

    private struct Deleted: Output {
        let record: AccountRecord

        func write(to writer: inout JSONWriter) {
            AdministeredUser(record: record).write(to: &writer)
            writer.member("deleted", true)
        }
    }
}
