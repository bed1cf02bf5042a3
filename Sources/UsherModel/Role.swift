/// What all users who have a name as their role may do, beside what each may do by permissions of their own.
public struct Role: Sendable, Equatable {
    public let name: String
    public var permissions: [Permission]

    public init(name: String, permissions: [Permission]) {
        self.name = name
        self.permissions = permissions
    }
}

/// The roles that are defined.
public struct Roles: Sendable, Equatable {
    public private(set) var byName: [String: Role]
    /// How often any of them has changed: the `rver` of the tokens that are issued now.
    public private(set) var version: Int64

    public init(_ roles: [Role] = [], version: Int64 = 0) {
        byName = Dictionary(uniqueKeysWithValues: roles.map { ($0.name, $0) })
        self.version = version
    }

    /// Takes up what the store has, unless something newer is known: two edits may come in another order than they were committed in.
    public mutating func adopt(_ stored: Roles) {
        if stored.version > version { self = stored }
    }

    /// Lets a role allow this from now on; nil for none.
    public mutating func set(_ name: String, to role: Role?) {
        byName[name] = role
        version += 1
    }

    /// The user with what the role allows: the permissions that its tokens say.
    public func granted(to user: User) -> User {
        guard let role = byName[user.role] else { return user }
        var user = user
        user.permissions += role.permissions.filter { !user.permissions.contains(bytesOf: $0) }
        return user
    }
}

/// A role that was changed, made or deleted.
public struct EditedRole: Sendable, Equatable {
    public let name: String
    /// Nil if there was none.
    public let before: Role?
    /// Nil if there is none any more.
    public let after: Role?
    /// All roles as they are with it.
    public let roles: Roles
    /// What refuses the older tokens of all who have the role; nil if nothing has changed.
    public let revocation: Revocation?

    public init(name: String, before: Role?, after: Role?, roles: Roles, revocation: Revocation?) {
        self.name = name
        self.before = before
        self.after = after
        self.roles = roles
        self.revocation = revocation
    }
}

/// The part of the store that keeps roles.
public protocol RoleStore: Sendable {
    func roles() async throws(UsherError) -> Roles

    /// Lets `change` alter what a role allows, all in one transaction: nil stands for no such role, before and after. `change` runs on the
    /// store's thread; what it throws is thrown here, with nothing changed.
    /// - Parameters:
    ///   - until: the last `exp` of any token that is issued now.
    ///   - most: how many roles there may be.
    /// - Throws: `invalid_field` of `role` if there would be more.
    func editRole(
        _ name: String, until: NumericDate, most: Int, audit: @escaping AuditNote<EditedRole>,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole
}

extension [Permission] {
    /// As AUTHORIZE compares them: names that Unicode takes for equivalent are two.
    public func contains(bytesOf permission: Permission) -> Bool {
        contains { $0.text.utf8.elementsEqual(permission.text.utf8) }
    }
}

extension UsherError {
    /// - Parameter most: how many there may be.
    public static func tooManyRoles(_ most: Int) -> UsherError {
        invalidField("role", "There are \(most.grouped) roles; there cannot be more.")
    }
}
