import UsherJSON

/// The kinds of token, told apart by the header's `typ` (RFC 8725 §3.11) besides their keys.
public enum TokenType: Sendable {
    /// RFC 9068 §2.1.
    case access
    /// Our own: opaque to clients.
    case refresh
    /// Our own: what a login waits with for the code of a second factor. Signed with the key of refresh tokens.
    case challenge

    var header: StaticString {
        switch self {
        case .access: "at+jwt"
        case .refresh: "rt+jwt"
        case .challenge: "login-challenge+jwt"
        }
    }

    /// Whether a `typ` names this kind: in any case, and with or without `application/` (RFC 7515 §4.1.9).
    func isNamed(by type: JSONValue, in text: Span<UInt8>) -> Bool {
        guard let name = type.string(in: text)?.lowercased() else { return false }
        return name == header.description || name == "application/" + header.description
    }
}
