/// Text made safe for a line that people and programs read: printable ASCII alone. Nothing else gets through, so no control
/// sequence reaches a terminal, no line ends early, and no character looks like another or turns the direction of the text.
public enum Escape {
    private static let quote: Unicode.Scalar = "\""
    private static let backslash: Unicode.Scalar = "\\"

    /// `\n`, `\r`, `\t`, `\\`, or `\u{…}` for what is not printable ASCII. Different texts stay different.
    public static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars { append(scalar, to: &result) }
        return result
    }

    /// The text as it is where it is plain, otherwise printable and in quotes. Plain text is not empty, and has no quote, no
    /// backslash, no `=`, and no blank but where `blanks` allows them: so an `=` outside quotes stands only behind the name of a
    /// field.
    public static func quotedIfNeeded(_ text: String, blanks: Bool) -> String {
        let isPlain =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case quote, backslash, "=": false
                case " ": blanks
                default: isPrintable(scalar)
                }
            }
        if isPlain { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            if scalar == quote { result += "\\\"" } else { append(scalar, to: &result) }
        }
        return result + "\""
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool { (0x20...0x7e).contains(scalar.value) }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case backslash: result += "\\\\"
        default:
            if isPrintable(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
    }
}
