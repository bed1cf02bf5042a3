import UsherJSON
import UsherModel

/// The password that is to take the place of an account's: `new_password`.
struct NewPassword: Sendable {
    private let secret: SharedSecret

    /// - Throws: `missing_field`, `invalid_field`, `weak_password`.
    init(reading request: JSONReader, _ line: Span<UInt8>, _ service: AuthService) throws(UsherError) {
        secret = try request.requiredSecret("new_password", in: line)
        try service.passwords.check(secret.bytes)
    }

    /// On a thread that may block.
    func hash(by hasher: any PasswordHasher) throws(UsherError) -> PasswordHash { try hasher.hash(secret.bytes) }
}
