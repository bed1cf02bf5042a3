/// An email address: printable ASCII without blanks, at most 254 bytes, one `@`, a local part, a domain of labels (letters, digits, inner
/// hyphens, 1 to 63 bytes; one label is enough). Unique without regard to case; keeps the case it was given.
public struct Email: Sendable, Equatable, CustomStringConvertible {
    public let text: String
    /// What it is unique by.
    public var folded: String { text.lowercased() }
    public var description: String { text }

    /// - Throws: `invalid_field` of `email`.
    public init(parsing raw: String) throws(UsherError) {
        // What is too long is not even looked at.
        let bytes = raw.utf8.prefix(255)
        let parts = bytes.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard bytes.count <= 254, raw.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), parts.count == 2, !parts[0].isEmpty,
            parts[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy(Self.isLabel)
        else {
            throw .invalidField(
                "email",
                "An email is printable ASCII without blanks, at most 254 bytes: a local part, one '@', a domain of labels.")
        }
        text = raw
    }

    /// Takes over what an earlier parse let into the store.
    public init(stored text: String) { self.text = text }

    private static func isLabel(_ label: Substring.UTF8View.SubSequence) -> Bool {
        let hyphen = UInt8(ascii: "-")
        return (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
            && label.allSatisfy { $0.isASCIILetterOrDigit || $0 == hyphen }
    }
}

/// What an account is looked up by at LOGIN.
public enum LoginName: Sendable, Equatable {
    case username(Username)
    case email(Email)

    /// One with an `@` is an email.
    /// - Returns: nil if no account can have it.
    public init?(parsing raw: String) {
        if raw.utf8.contains(UInt8(ascii: "@")) {
            guard let email = try? Email(parsing: raw) else { return nil }
            self = .email(email)
        } else {
            guard let username = try? Username(parsing: raw) else { return nil }
            self = .username(username)
        }
    }

    public var text: String {
        switch self {
        case .username(let username): username.text
        case .email(let email): email.text
        }
    }

    /// What it is unique by.
    public var folded: String {
        switch self {
        case .username(let username): username.folded
        case .email(let email): email.folded
        }
    }
}
