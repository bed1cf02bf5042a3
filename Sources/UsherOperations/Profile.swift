import UsherJSON
import UsherModel
import UsherToken

/// PROFILE: one's own account as it is now, and the changes that one may make to it.
struct Profile: DeferredRequest {
    static let operation = Operation(
        name: "PROFILE",
        summary: "Show the account of a token's bearer, and change it.",
        members: [
            .init("token", "string: an access token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
            .init("username", "string, optional: a new one"),
            .init("email", "string, optional: a new one; needs \"password\", and is unconfirmed until CONFIRM"),
            .init("claims", "object, optional: custom claims to set, null to remove; only those that profile_claims names"),
            .init("password", "string: required with \"email\""),
            .init("code", "string: required with another \"email\" where a second factor is in force"),
            .init("client", "object, optional: {\"ip\",\"user_agent\"} of the end user"),
        ],
        example: #"{"op":"PROFILE","token":"eyJhbGciOi...","claims":{"department":"R&D"}}"#,
        event: .verify,
        run: .deferred { request, line, rights, service throws(UsherError) in
            try Profile(reading: request, line, rights, service)
        })

    private let bearer: Bearer
    private let username: Username?
    private let email: Email?
    private let claims: ClaimChanges?
    private let password: SharedSecret?
    private let code: SecondFactorCode?
    private let client: Client

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ rights: Rights, _ service: AuthService) throws(UsherError)
    {
        bearer = try request.bearer(in: line, rights, service)
        let name = try request.string("username", in: line)
        username = if let name { try Username(parsing: name) } else { nil }
        let address = try request.string("email", in: line)
        email = if let address { try Email(parsing: address) } else { nil }
        claims = try ClaimChanges(of: request, in: line, allowed: service.accounts.profileClaims)
        client = try request.client(in: line, rights)
        let isAsked = email != nil || request.value("password", in: line) != nil
        password = isAsked ? try request.requiredSecret("password", in: line) : nil
        code = request.value("code", in: line) == nil ? nil : try request.secondFactorCode(in: line)
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        attempt.client = client
        guard username != nil || email != nil || claims != nil || password != nil else {
            return Shown(user: service.roles.granted(to: try await service.account(of: bearer, as: attempt).user))
        }
        attempt.finding = .profile
        let old: Account
        if let password {
            (old, _) = try await service.reauthenticate(bearer, password: password, as: attempt) { _, _ in }
        } else {
            old = try await service.account(of: bearer, as: attempt)
        }
        let new = try changed(old)
        // Signing is the reactor's: it cannot be tried where the store has the last word.
        try service.requireFit(new.user, field: claims != nil ? "claims" : email != nil ? "email" : "username")
        // Of an account that was never confirmed, RESET by whoever reads the mail there takes the second factor away.
        if new.user.email.folded != old.user.email.folded { try await service.demand(code, of: old) }
        let until = service.lastIssued(or: bearer)
        // As at REGISTER: whether a name is taken is worth knowing to those who guess.
        let edited = try await service.perAddress(.register, attempt, counting: [.accountExists], andSuccess: false) {
            () async throws(UsherError) in
            try await edit(old, to: new, until: until, in: service.store)
        }
        guard let edited else { throw UsherError(.tokenRevoked) }
        if let revocation = edited.revocation { service.refuse([revocation]) }
        attempt.user = edited.account.user
        if edited.account.user.username != old.user.username { attempt.remark = "the username was \(old.user.username)" }
        return Shown(user: service.roles.granted(to: edited.account.user))
    }

    private func edit(
        _ old: Account, to new: Account, until: NumericDate, in store: any Store
    ) async throws(UsherError) -> EditedAccount? {
        try await store.edit(old.user.id, until: until) { account throws(UsherError) in
            // Somebody else has changed it meanwhile.
            guard !account.outdatesTokens(of: old), account.passwordHash == old.passwordHash else { throw .busy }
            // The same address in another case is the same to whoever reads the mail. (It may have been confirmed since `old` was read.)
            if new.user.email.folded != account.user.email.folded { account.user.emailVerified = false }
            account.user.username = new.user.username
            account.user.email = new.user.email
            account.user.claims = new.user.claims
        }
    }

    private func changed(_ old: Account) throws(UsherError) -> Account {
        var new = old
        if let username { new.user.username = username }
        if let email { new.user.email = email }
        if let claims { new.user.claims = try claims.applied(to: old.user) }
        return new
    }

    private struct Shown: Output {
        let user: User
        func write(to writer: inout JSONWriter) {
            writer.name("user")
            user.write(to: &writer)
        }
    }
}
