import UsherJSON
import UsherModel
import UsherToken

/// USER_LOGOUT: ends the sessions of a user, or one of them.
struct UserLogout: DeferredRequest {
    static let operation = Operation(
        name: "USER_LOGOUT",
        summary: "End the sessions of a user, or one of them.",
        members: [
            .init("user", "string: an id, a username or an email"),
            .init("session", "string, optional: the id of the one that is to end"),
        ],
        example: #"{"op":"USER_LOGOUT","user":"ada"}"#,
        event: .userLoggedOut, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in try UserLogout(reading: request, line) })

    private let key: AccountKey?
    private let session: SessionID?

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>) throws(UsherError) {
        key = try request.accountKey(in: line)
        guard let text = try request.string("session", in: line) else {
            session = nil
            return
        }
        guard let id = UUIDv7(parsing: text) else {
            throw .invalidField("session", "The member \"session\" must be an id, as USER_SESSIONS gives it.")
        }
        session = SessionID(id)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let user = try await service.find(key, as: attempt).user
        let act = service.act(Self.operation, of: attempt)
        let count: Int
        if let session {
            let hasEnded = try await service.end(session, of: user.id, as: attempt) {
                act.entry(on: user, Ended(count: $0 ? 1 : 0, session: session).change)
            }
            count = hasEnded ? 1 : 0
        } else {
            let ended = try await service.store.endSessions(of: user.id, at: service.clock.now()) {
                act.entry(on: user, Ended(count: $0.count).change)
            }
            service.refuse(ended)
            count = ended.count
        }
        attempt.remark = "\(count.grouped) sessions ended"
        return Ended(count: count)
    }

    private struct Ended: Output {
        let count: Int
        /// The one that was to end, where it was one.
        var session: SessionID?

        func write(to writer: inout JSONWriter) { writer.member("sessions_ended", Int64(count)) }

        var change: Event.Change {
            Event.Change(before: nil) { writer in
                write(to: &writer)
                if let session { writer.member("session", session.uuid) }
            }
        }
    }
}
