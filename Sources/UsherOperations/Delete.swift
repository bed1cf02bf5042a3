import UsherJSON
import UsherModel

/// DELETE: one's own account goes, and all that hangs on it. Its name and email are free again, its id never; its tokens die at once.
struct Delete: DeferredRequest {
    static let operation = Operation(
        name: "DELETE",
        summary: "Delete the account of a token's bearer.",
        members: [
            .init("token", "string: an access token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
            .init("password", "string"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"DELETE","token":"eyJhbGciOi...","password":"correct horse"}"#,
        event: .delete,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Delete(reading: request, line, rights, service)
        })

    private let bearer: Bearer
    private let password: SharedSecret
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        bearer = try request.bearer(in: line, rights, service)
        password = try request.requiredSecret("password", in: line)
        client = try request.client(in: line, rights)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        let (account, _) = try await service.reauthenticate(bearer, password: password, as: attempt) { _, _ in }
        let deleted = try await service.store.delete(
            account.user.id, verified: account.passwordHash, until: max(service.lastExpiry(), bearer.until))
        guard let deleted else {
            // Another DELETE came before, or a new password did: then it is to be asked for again.
            _ = try await service.account(of: bearer, as: attempt)
            throw .busy
        }
        service.refuse([deleted.revocation])
        return Deleted()
    }

    private struct Deleted: Output {
        func write(to writer: inout JSONWriter) { writer.member("deleted", true) }
    }
}
