import UsherJSON
import UsherModel
import UsherToken

/// CONFIRM: issues the token that confirms an email, for the app to send there, and takes it back.
struct Confirm: DeferredRequest {
    static let operation = Operation(
        name: "CONFIRM",
        summary: "Issue a token that confirms an email, to be sent there by mail, or take it back.",
        members: [
            .init("confirmation_token", "string: confirms the email; or give one of the others"),
            .init("token", "string: an access token, to have a token issued for its user; or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the access token must be for"),
            .init("email", "string: to have a token issued for its user, who cannot log in yet"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"CONFIRM","confirmation_token":"YmVzdGFldGlndA..."}"#,
        event: .confirm,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Confirm(reading: request, line, rights, service)
        })

    private enum Target: Sendable {
        case bearer(Bearer)
        case email(Email)
        /// Of the token that confirms.
        case digest(String)
    }

    private let target: Target
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        client = try request.client(in: line, rights)
        let confirmation = try request.string("confirmation_token", in: line)
        let email = try request.string("email", in: line)
        let isBearer = request.value("token", in: line) != nil || request.value("authorization", in: line) != nil
        switch (confirmation, email, isBearer) {
        case (nil, nil, false): throw .missingField("confirmation_token")
        case (let text?, nil, false):
            target = .digest(try OneTimeToken(parsing: text).digest(for: .confirmation, hash: service.hash))
        case (nil, let email?, false): target = .email(try Email(parsing: email))
        case (nil, nil, true): target = .bearer(try request.bearer(in: line, rights, service))
        default:
            throw .invalidField(
                "confirmation_token", "Give exactly one of \"confirmation_token\", \"email\" and an access token.")
        }
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        switch target {
        case .bearer(let bearer):
            _ = try await service.account(of: bearer, as: attempt)
            return try await issue(to: .user(bearer.user), service, attempt)
        case .email(let email):
            return try await service.perAddress(.recover, attempt, counting: []) { () async throws(UsherError) in
                try await issue(to: .email(email), service, attempt)
            }
        case .digest(let digest):
            _ = try await service.account(holding: digest, as: attempt)
            let user = try await service.store.confirmEmail(by: digest, at: service.clock.now())
            attempt.user = user
            attempt.remark = "the email is confirmed"
            return Confirmed(user: service.roles.granted(to: user))
        }
    }

    private func issue(
        to recipient: TokenRecipient, _ service: AuthService, _ attempt: Attempt
    ) async throws(UsherError) -> TokenIssue {
        let issued = try await service.issueToken(for: .confirmation, to: recipient)
        attempt.user = issued?.user ?? attempt.user
        attempt.remark = issued == nil ? "there is no email to be confirmed" : "a token was issued"
        return TokenIssue(name: "confirmation_token", token: issued)
    }

    private struct Confirmed: Output {
        let user: User

        func write(to writer: inout JSONWriter) {
            writer.name("user")
            user.write(to: &writer)
        }
    }
}

extension AuthService {
    /// What LOGIN asks of an account whose password was right.
    /// - Throws: `email_unconfirmed`, where the settings do not let such an account in. A disabled one is told that it is disabled.
    func requireConfirmedEmail(of account: Account) throws(UsherError) {
        guard !accounts.requireConfirmedEmail || account.user.emailVerified || account.isDisabled else {
            throw UsherError(.emailUnconfirmed)
        }
    }
}
