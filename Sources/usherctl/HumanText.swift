import UsherClient
import UsherModel

/// Replies as text for people. All that comes from elsewhere is printable ASCII in it: no control sequence reaches the terminal.
enum HumanText {
    static func printable(_ text: String) -> String { Escape.printable(text) }

    /// A member's value on one line. Members that end in `_at` are times.
    static func value(_ value: ReplyObject.Value, of name: String) -> String {
        switch value {
        case .null: return "-"
        case .bool(let bool): return bool ? "yes" : "no"
        case .number(let digits):
            if isTime(name), let seconds = Int64(digits) { return LocalTime.text(seconds) }
            return digits
        case .string(let text): return text.isEmpty ? "-" : printable(text)
        case .array(let values):
            return values.isEmpty ? "-" : values.map { self.value($0, of: name) }.joined(separator: ", ")
        case .object(let object): return ascii(object.json)
        }
    }

    /// JSON that means the same in printable ASCII.
    private static func ascii(_ json: [UInt8]) -> String {
        String(decoding: json, as: UTF8.self).utf16.map { unit in
            if (0x20...0x7e).contains(unit) { return String(UnicodeScalar(UInt8(unit))) }
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }

    static func isTime(_ name: String) -> Bool { name.hasSuffix("_at") || name == "time" || name == "at" }

    /// An object's members, one a line, the values below each other. Lists of objects become tables, objects are indented.
    /// - Parameter without: members to leave out.
    static func details(_ object: ReplyObject, without: Set<String> = [], indent: String = "") -> [String] {
        let members = object.members.filter { !without.contains($0.name) }
        let width = members.map { printable($0.name).count }.max() ?? 0
        var lines: [String] = []
        for (name, value) in members {
            let label = printable(name)
            switch value {
            case .object(let inner) where !inner.members.isEmpty:
                lines.append("\(indent)\(label):")
                lines += details(inner, indent: indent + "  ")
            case .array(let values):
                let rows = values.compactMap(\.asObject)
                if rows.count == values.count, !rows.isEmpty {
                    lines.append("\(indent)\(label):")
                    lines += table(rows).map { indent + "  " + $0 }
                } else {
                    lines.append(indent + padded(label + ":", to: width + 2) + self.value(value, of: name))
                }
            case .null, .bool, .number, .string, .object:
                lines.append(indent + padded(label + ":", to: width + 2) + self.value(value, of: name))
            }
        }
        return lines
    }

    /// Objects as the rows of a table with a heading.
    /// - Parameter columns: the members to show; nil for all.
    static func table(_ rows: [ReplyObject], columns: [String]? = nil) -> [String] {
        var names = columns ?? []
        let cells = rows.map { row in
            var cells: [String: String] = [:]
            for (name, value) in row.members {
                if columns == nil, !names.contains(name) { names.append(name) }
                cells[name] = self.value(value, of: name)
            }
            return cells
        }
        return aligned([names.map { printable($0).uppercased() }] + cells.map { cells in names.map { cells[$0] ?? "-" } })
    }

    /// The cells of rows of the same length below each other.
    /// - Parameter figures: from which column on they stand to the right; nil for none.
    static func aligned(_ rows: [[String]], figures: Int? = nil) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let blanks = String(repeating: " ", count: widths[column] - row[column].count)
                if let figures, column >= figures { return blanks + row[column] }
                return column == row.count - 1 ? row[column] : row[column] + blanks
            }.joined(separator: "  ")
        }
    }

    /// One line: the time first, then how grave it is and the message, then all the rest as `name=value`.
    static func event(_ object: ReplyObject) -> String {
        var words: [String] = []
        var head: [String: String] = [:]
        for (name, value) in object.members {
            switch value {
            case .number(let digits) where isTime(name): head["time"] = Int64(digits).map(LocalTime.text) ?? digits
            case .string(let text) where name == "message" || name == "priority": head[name] = printable(text)
            case .object(let fields) where name == "fields": words += fields.members.compactMap { word($0.name, $0.value) }
            case .null, .bool, .number, .string, .array, .object: words += [word(name, value)].compactMap { $0 }
            }
        }
        return (["time", "priority", "message"].compactMap { head[$0] } + words).joined(separator: "  ")
    }

    private static func word(_ name: String, _ value: ReplyObject.Value) -> String? {
        switch value {
        case .null: nil
        case .string(let text): "\(printable(name))=\(Escape.quotedIfNeeded(text, blanks: false))"
        case .number(let digits): "\(printable(name))=\(digits)"
        case .bool, .array, .object: "\(printable(name))=\(self.value(value, of: name))"
        }
    }

    static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }
}

extension ReplyObject.Value {
    var asObject: ReplyObject? {
        switch self {
        case .object(let object): object
        case .null, .bool, .number, .string, .array: nil
        }
    }
}
