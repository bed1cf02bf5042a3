/// What the world may see of a user; the `user` object of replies.
public struct User: Sendable, Equatable {
    public let id: UserID
    public var username: Username
    public var email: Email
    public var role: String
    public var permissions: [Permission]
    /// Custom claims, as the text of a JSON object.
    public var claims: String
    public var emailVerified: Bool
    public var createdAt: NumericDate
    /// Nil until the first LOGIN.
    public var lastLoginAt: NumericDate?
    /// How often what its tokens say has changed: their `ver`, by which older ones are told. No part of replies.
    public var version: Int64

    /// The role that REGISTER gives.
    public static let usualRole = "user"

    public init(
        id: UserID, username: Username, email: Email, role: String = User.usualRole, permissions: [Permission] = [],
        claims: String = "{}", emailVerified: Bool = false, createdAt: NumericDate, lastLoginAt: NumericDate? = nil,
        version: Int64 = 0
    ) {
        self.id = id
        self.username = username
        self.email = email
        self.role = role
        self.permissions = permissions
        self.claims = claims
        self.emailVerified = emailVerified
        self.createdAt = createdAt
        self.lastLoginAt = lastLoginAt
        self.version = version
    }

    /// What tokens say of it that may change.
    fileprivate var tokenTexts: [String.UTF8View] {
        [username.text.utf8, email.text.utf8, role.utf8, claims.utf8] + permissions.map(\.text.utf8)
    }
}

/// A user with what only the daemon sees.
public struct Account: Sendable, Equatable {
    public var user: User
    public var passwordHash: PasswordHash
    public var isDisabled: Bool

    public init(user: User, passwordHash: PasswordHash, isDisabled: Bool = false) {
        self.user = user
        self.passwordHash = passwordHash
        self.isDisabled = isDisabled
    }

    /// Whether tokens that were issued for `other` say of it, or allow, what they would not for this one. Texts are compared by their
    /// bytes, as tokens are read: what Swift's `==` takes for equal may differ.
    public func outdatesTokens(of other: Account) -> Bool {
        isDisabled != other.isDisabled || !user.tokenTexts.elementsEqual(other.user.tokenTexts) { $0.elementsEqual($1) }
    }
}
