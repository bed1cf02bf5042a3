/// 1 to 64 ASCII letters, digits, `.`, `_`, `-`, beginning with a letter or a digit. Unique without regard to case; keeps the case it was
/// given.
public struct Username: Sendable, Equatable, CustomStringConvertible {
    public let text: String
    /// What it is unique by.
    public var folded: String { text.lowercased() }
    public var description: String { text }

    /// - Throws: `invalid_field` of `username`.
    public init(parsing raw: String) throws(UsherError) {
        let bytes = raw.utf8
        guard (1...64).contains(bytes.count), bytes.first?.isASCIILetterOrDigit == true,
            bytes.allSatisfy({
                $0.isASCIILetterOrDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            })
        else {
            throw .invalidField(
                "username", "A username is 1 to 64 ASCII letters, digits, '.', '_' or '-', beginning with a letter or a digit.")
        }
        text = raw
    }

    /// Takes over what an earlier parse let into the store.
    public init(stored text: String) { self.text = text }
}

extension UInt8 {
    var isASCIILetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
