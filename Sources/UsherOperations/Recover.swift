import UsherJSON
import UsherModel

/// RECOVER: a token with which a forgotten password can be set anew, for the app to send by mail. The app learns whether there is such an
/// account; its visitors must not.
struct Recover: DeferredRequest {
    static let operation = Operation(
        name: "RECOVER",
        summary: "Issue a token that resets a forgotten password, to be sent by mail.",
        members: [
            .init("email", "string"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"RECOVER","email":"ada@example.org"}"#,
        event: .recover,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Recover(reading: request, line, rights, service)
        })

    private let email: Email
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        email = try Email(parsing: try request.requiredString("email", in: line))
        client = try request.client(in: line, rights)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        let issued = try await service.perAddress(.recover, attempt, counting: []) { () async throws(UsherError) in
            try await service.issueToken(for: .reset, to: .email(email))
        }
        attempt.user = issued?.user
        if issued == nil {
            attempt.remark = "for no account that can be recovered"
            attempt.isWithoutEffect = true
        }
        return TokenIssue(name: "reset_token", token: issued)
    }
}
