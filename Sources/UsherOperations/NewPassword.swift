import UsherJSON
import UsherModel

/// The password that is to take the place of an account's.
struct NewPassword: Sendable {
    private let secret: SharedSecret
    private let quality: [any PasswordQuality]

    /// - Throws: `missing_field`, `invalid_field`, `weak_password`.
    init(
        reading request: borrowing JSONReader, _ line: Span<UInt8>, _ service: AuthService, as name: StaticString = "new_password"
    ) throws(UsherError) {
        secret = try request.requiredSecret(name, in: line)
        quality = service.quality
        try service.passwords.check(secret.bytes)
    }

    /// Its hash, if it is good enough. On a thread that may block.
    /// - Throws: `weak_password`; `internal`.
    func hash(for user: User, by hasher: any PasswordHasher) throws(UsherError) -> PasswordHash {
        try quality.check(secret.bytes, owner: PasswordOwner(username: user.username, email: user.email))
        return try hasher.hash(secret.bytes)
    }
}
