import UsherJSON
import UsherModel

/// What USER_SET is to make of an account.
struct AccountEdit: Sendable {
    private let role: String?
    private let permissions: [Permission]?
    private let granted: [Permission]
    private let revoked: [Permission]
    private let claims: ClaimChanges?
    private let isDisabled: Bool?
    private let username: Username?
    private let email: Email?
    private let emailVerified: Bool?
    let password: NewPassword?
    let removesSecondFactor: Bool
    /// The first member that may make a token longer.
    let longestField: String

    /// - Throws: `missing_field` if there is nothing to change; `invalid_field`, `weak_password`.
    init(of request: borrowing JSONReader, in line: Span<UInt8>, _ service: AuthService) throws(UsherError) {
        let members: [StaticString] = [
            "claims", "permissions", "grant", "role", "email", "username", "revoke", "disabled", "email_verified", "password",
            "second_factor",
        ]
        var given: StaticString?
        for member in members.reversed() where request.value(member, in: line) != nil { given = member }
        guard let given else {
            throw UsherError(
                .missingField, "There is nothing to change; HELP lists what can be.", detail: .field("role"))
        }
        longestField = given.description
        role = try request.role(in: line)
        permissions = try request.permissions("permissions", in: line)
        granted = try request.permissions("grant", in: line) ?? []
        revoked = try request.permissions("revoke", in: line) ?? []
        claims = try ClaimChanges(of: request, in: line, allowed: nil)
        isDisabled = try request.optionalBool("disabled", in: line)
        let name = try request.string("username", in: line)
        username = if let name { try Username(parsing: name) } else { nil }
        let address = try request.string("email", in: line)
        email = if let address { try Email(parsing: address) } else { nil }
        emailVerified = try request.optionalBool("email_verified", in: line)
        let hasPassword = request.value("password", in: line) != nil
        password = hasPassword ? try NewPassword(reading: request, line, service, as: "password") : nil
        let secondFactor = try request.optionalBool("second_factor", in: line)
        guard secondFactor != true else {
            throw .invalidField("second_factor", "A second factor can only be taken away here; its user enrols one by TOTP.")
        }
        removesSecondFactor = secondFactor == false
    }

    /// The account with all that is not the hash's.
    /// - Throws: `internal` if its claims are no JSON.
    func applied(to old: Account) throws(UsherError) -> Account {
        var new = old
        if let role { new.user.role = role }
        if let permissions { new.user.permissions = permissions }
        for permission in granted where !new.user.permissions.contains(bytesOf: permission) {
            new.user.permissions.append(permission)
        }
        new.user.permissions.removeAll { revoked.contains(bytesOf: $0) }
        if let claims { new.user.claims = try claims.applied(to: old.user) }
        if let isDisabled { new.isDisabled = isDisabled }
        if let username { new.user.username = username }
        if let email {
            // The same address in another case is the same to whoever reads the mail.
            if email.folded != old.user.email.folded { new.user.emailVerified = false }
            new.user.email = email
        }
        if let emailVerified { new.user.emailVerified = emailVerified }
        return new
    }
}
