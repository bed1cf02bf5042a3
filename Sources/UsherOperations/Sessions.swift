import UsherJSON
import UsherModel
import UsherToken

/// SESSIONS: where one is logged in. REVOKE with an id of the list ends one.
struct Sessions: DeferredRequest {
    static let operation = Operation(
        name: "SESSIONS",
        summary: "List the sessions of a token's bearer.",
        members: [
            .init("token", "string: an access token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
        ],
        example: #"{"op":"SESSIONS","token":"eyJhbGciOi..."}"#,
        event: .sessions,
        run: .deferred { request, line, rights, service throws(UsherError) in
            Sessions(bearer: try request.bearer(in: line, rights, service))
        })

    let bearer: Bearer

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        _ = try await service.account(of: bearer, as: attempt)
        return SessionList(sessions: try await service.sessions(of: bearer.user), current: bearer.session)
    }
}

/// What SESSIONS and USER_SESSIONS answer.
struct SessionList: Output {
    let sessions: [Session]
    /// That of whoever asks; nil where they have none among them.
    let current: SessionID?

    func write(to writer: inout JSONWriter) {
        writer.name("sessions")
        writer.openArray()
        for session in sessions { session.write(to: &writer, isCurrent: current.map { $0 == session.id }) }
        writer.closeArray()
    }
}

extension AuthService {
    /// The sessions of a user that can be refreshed, the one used last first.
    func sessions(of user: UserID) async throws(UsherError) -> [Session] {
        // One that is refused in memory alone is ended as soon as the store can.
        try await store.sessions(of: user, at: clock.now()).filter { !isBlocked($0.id) }
    }
}

extension Session {
    fileprivate func write(to writer: inout JSONWriter, isCurrent: Bool?) {
        writer.openObject()
        writer.member("id", id.uuid)
        if let isCurrent { writer.member("current", isCurrent) }
        writer.member("audience", audience)
        writer.member("created_at", createdAt)
        writer.member("last_used_at", rotatedAt)
        writer.member("expires_at", expiresAt)
        writer.name("client")
        writer.openObject()
        if let address = client.address { writer.member("ip", address.description) }
        if let agent = client.userAgent { writer.member("user_agent", agent) }
        writer.closeObject()
        writer.closeObject()
    }
}
