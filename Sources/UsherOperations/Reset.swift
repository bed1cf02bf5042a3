import UsherJSON
import UsherModel
import UsherToken

/// RESET: a new password for who has a token of RECOVER. Every session ends.
struct Reset: DeferredRequest {
    static let operation = Operation(
        name: "RESET",
        summary: "Set a new password with a token of RECOVER, and end every session.",
        members: [
            .init("reset_token", "string"),
            .init("new_password", "string"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"RESET","reset_token":"Zm9yZ290dGVu...","new_password":"battery staple"}"#,
        event: .reset,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Reset(reading: request, line, rights, service)
        })

    private let digest: String
    private let newPassword: NewPassword
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        let text = try request.requiredString("reset_token", in: line)
        newPassword = try NewPassword(reading: request, line, service)
        client = try request.client(in: line, rights)
        digest = try OneTimeToken(parsing: text).digest(for: .reset, hash: service.hash)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        // A token that is none costs no hash.
        let user = try await service.account(holding: digest, as: attempt).user
        let newPassword = newPassword
        let hash = try await service.workers.run(for: attempt.caller) { hasher throws(UsherError) in
            try newPassword.hash(for: user, by: hasher)
        }
        let reset = try await service.store.resetPassword(by: digest, to: hash, at: service.clock.now())
        service.refuse(reset.ended)
        // Who guessed at the old password, and kept its user out with that, has nothing to do with the new one.
        await service.clearThrottle(of: user.id)
        attempt.user = reset.user
        return Done(user: service.roles.granted(to: reset.user), ended: reset.ended.count)
    }

    private struct Done: Output {
        let user: User
        let ended: Int

        func write(to writer: inout JSONWriter) {
            writer.name("user")
            user.write(to: &writer)
            writer.member("sessions_ended", Int64(ended))
        }
    }
}
