import UsherJSON
import UsherModel
import UsherToken

// What administrators give accounts: the members that IMPORT, USER_ADD and USER_SET have in common.
extension JSONReader {
    /// - Throws: `invalid_field`.
    func role(in text: Span<UInt8>) throws(UsherError) -> String? {
        guard let role = try string("role", in: text) else { return nil }
        let isWord = role.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isWord, (1...64).contains(role.utf8.count) else {
            throw .invalidField("role", "A role is 1 to 64 ASCII letters, digits, '.', '_' or '-'.")
        }
        return role
    }

    /// A list of permissions, which may be empty; nil if absent.
    /// - Throws: `invalid_field`, also for one that cannot be granted.
    func permissions(_ name: StaticString, in text: Span<UInt8>) throws(UsherError) -> [Permission]? {
        guard let value = value(name, in: text) else { return nil }
        let isNoList = UsherError.invalidField(name.description, "The member \"\(name)\" must be a list of strings.")
        guard value.kind == .array else { throw isNoList }
        var permissions: [Permission] = []
        var reader = JSONReader(nesting: Limits.nesting)
        for element in reader.elements(of: value, in: text) {
            guard let string = element.string(in: text) else { throw isNoList }
            do throws(UsherError) {
                permissions.append(try Permission(granting: string))
            } catch {
                throw .invalidField(name.description, error.message)
            }
        }
        return permissions
    }

    /// True, false, or nil if absent.
    /// - Throws: `invalid_field`.
    func optionalBool(_ name: StaticString, in text: Span<UInt8>) throws(UsherError) -> Bool? {
        value(name, in: text) == nil ? nil : try bool(name, in: text)
    }
}

extension UsherError {
    static let reservedClaim = invalidField(
        "claims", "A custom claim cannot have the name of a claim that tokens have already, such as sub.")
}

extension AuthService {
    /// - Parameter field: what would be to blame.
    /// - Throws: `invalid_field` where the user's access tokens would not fit a cookie.
    func requireFit(_ user: User, field: String) throws(UsherError) {
        // Where tokens carry no claims, the user object in replies still does.
        guard !fitsToken(user) || user.claims.utf8.count > Limits.accessToken else { return }
        throw .invalidField(field, "With this an access token would have more than \(Limits.accessToken) bytes.")
    }
}
