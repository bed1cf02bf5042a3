import UsherModel

/// How permissions stand in their column: a JSON array of strings, without blanks, escaping only what has to be escaped (RFC 8259 §7).
/// Any text can be a permission, so any separator could be part of one.
enum PermissionList {
    static func write(_ permissions: [Permission]) -> String {
        var text = "["
        for (index, permission) in permissions.enumerated() {
            text += index == 0 ? "\"" : ",\""
            for scalar in permission.text.unicodeScalars {
                switch scalar.value {
                case 0x22, 0x5c: text += "\\\(scalar)"
                case 0..<0x20: text += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
                default: text.unicodeScalars.append(scalar)
                }
            }
            text += "\""
        }
        return text + "]"
    }

    /// Reads what `write` writes, and nothing else: nil for any other text.
    static func read(_ text: String) -> [Permission]? {
        if text == "[]" { return [] }
        var permissions: [Permission] = []
        var rest = text.unicodeScalars[...]
        guard rest.popFirst() == "[" else { return nil }
        repeat {
            guard rest.popFirst() == "\"", let permission = string(&rest) else { return nil }
            permissions.append(Permission(stored: permission))
            guard let separator = rest.popFirst() else { return nil }
            if separator == "]" { break }
            guard separator == "," else { return nil }
        } while true
        return rest.isEmpty && write(permissions) == text ? permissions : nil
    }

    /// Reads up to and with the closing quote.
    private static func string(_ rest: inout Substring.UnicodeScalarView) -> String? {
        var text = ""
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return text
            case "\\":
                guard let escaped = rest.popFirst() else { return nil }
                if escaped == "u" {
                    guard rest.count >= 4, let code = UInt8(String(rest.prefix(4)), radix: 16) else { return nil }
                    rest.removeFirst(4)
                    text.unicodeScalars.append(Unicode.Scalar(code))
                } else {
                    text.unicodeScalars.append(escaped)
                }
            default: text.unicodeScalars.append(scalar)
            }
        }
        return nil
    }
}
