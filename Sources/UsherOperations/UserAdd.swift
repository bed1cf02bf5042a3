import UsherJSON
import UsherModel

/// USER_ADD: an account that nobody is logged in to.
struct UserAdd: DeferredRequest {
    static let operation = Operation(
        name: "USER_ADD",
        summary: "Create an account.",
        members: [
            .init("username", "string: 1 to 64 ASCII letters, digits, '.', '_', '-'"),
            .init("email", "string"),
            .init("password", "string, optional: without one, only RECOVER and RESET open the account"),
            .init("role", "string, optional: \"\(User.usualRole)\" by default"),
            .init("permissions", "list of strings, optional"),
            .init("claims", "object, optional: custom claims"),
            .init("email_verified", "boolean, optional"),
        ],
        example: #"{"op":"USER_ADD","username":"ada","email":"ada@example.org","role":"admin"}"#,
        event: .userAdded, place: .admin,
        run: .deferred { request, line, _, service throws(UsherError) in
            try UserAdd(reading: request, line, service)
        })

    private let user: User
    private let password: NewPassword?

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>, _ service: AuthService) throws(UsherError) {
        let username = try Username(parsing: request.requiredString("username", in: line))
        let email = try Email(parsing: request.requiredString("email", in: line))
        var user = User(
            id: UserID(service.newID()), username: username, email: email, role: try request.role(in: line) ?? User.usualRole,
            permissions: try request.permissions("permissions", in: line) ?? [],
            emailVerified: try request.bool("email_verified", in: line), createdAt: service.clock.now())
        if let claims = try ClaimChanges(of: request, in: line, allowed: nil) { user.claims = try claims.applied(to: user) }
        let hasPassword = request.value("password", in: line) != nil
        password = hasPassword ? try NewPassword(reading: request, line, service, as: "password") : nil
        try service.requireFit(user, field: "claims")
        self.user = user
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        // Asked first, so that a name that is taken costs no hash; the store has the last word.
        if let taken = try await service.store.takenField(username: user.username, email: user.email) {
            throw UsherError(.accountExists, "Another account has this \(taken).", detail: .field(taken))
        }
        let hash = try await service.workers.run(for: attempt.caller) { [user, password] hasher throws(UsherError) in
            guard let password else { return hasher.decoy(like: nil) }
            return try password.hash(for: user, by: hasher)
        }
        let record = AccountRecord(account: Account(user: user, passwordHash: hash))
        let change = Event.Change(from: nil, to: record)
        let entry = service.act(Self.operation, of: attempt).entry(on: user, change)
        try await service.store.create(record.account, session: nil) { entry }
        attempt.user = user
        attempt.change = change
        return AdministeredUser(record: record)
    }
}
