import UsherJSON
import UsherModel

/// PASSWORD: a new password for who knows the present one. All their other sessions end.
struct ChangePassword: DeferredRequest {
    static let operation = Operation(
        name: "PASSWORD",
        summary: "Change one's own password, and end one's other sessions.",
        members: [
            .init("token", "string: an access token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
            .init("password", "string: the present one"),
            .init("new_password", "string"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"PASSWORD","token":"eyJhbGciOi...","password":"correct horse","new_password":"battery staple"}"#,
        event: .password,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try ChangePassword(reading: request, line, rights, service)
        })

    private let bearer: Bearer
    private let password: SharedSecret
    private let newPassword: NewPassword
    private let client: Client

    /// How often a password that changes under this is looked at again: a LOGIN may replace an outdated hash.
    private static let tries = 3

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        bearer = try request.bearer(in: line, rights, service)
        password = try request.requiredSecret("password", in: line)
        newPassword = try NewPassword(reading: request, line, service)
        client = try request.client(in: line, rights)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        let newPassword = newPassword
        for _ in 0..<Self.tries {
            let (account, hash) = try await service.reauthenticate(bearer, password: password, as: attempt) {
                hasher, account throws(UsherError) in try newPassword.hash(for: account.user, by: hasher)
            }
            let ended = try await service.store.changePassword(
                of: bearer.user, from: account.passwordHash, to: hash, keeping: bearer.session, at: service.clock.now())
            guard let ended else { continue }
            service.refuse(ended)
            return Changed(sessionsEnded: ended.count)
        }
        throw .busy
    }

    private struct Changed: Output {
        let sessionsEnded: Int
        func write(to writer: inout JSONWriter) { writer.member("sessions_ended", Int64(sessionsEnded)) }
    }
}
