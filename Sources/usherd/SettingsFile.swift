import CTOML
import Glibc
import UsherModel

/// The settings' file.
enum SettingsFile {
    /// No settings are as long as this, in bytes.
    private static let maxLength = 1_048_576

    /// - Throws: what is wrong: of the syntax with line and column, of a key or a value with its path.
    static func read(_ path: String, into configuration: inout Configuration) throws(StartFailure) {
        do throws(StartFailure) {
            let entries = try parse(try contents(of: path))
            let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.path, $0) })
            let tables = Set(settings.keys.compactMap { $0.split(separator: ".").first.map(String.init) })
            for entry in entries {
                if case .table = entry.value, tables.contains(entry.path) { continue }
                if try readRule(entry, of: path, into: &configuration) { continue }
                guard let setting = settings[entry.path] else {
                    throw StartFailure("\(entry.place): there is no setting \(entry.path.printable).")
                }
                do throws(StartFailure) {
                    try setting.read(entry.value, &configuration)
                } catch {
                    throw StartFailure("\(entry.place): \(error.description)")
                }
            }
        } catch {
            throw StartFailure("\(path):\(error.description)")
        }
    }

    /// - Returns: whether it is a `[[rule]]`, or of the last that began.
    private static func readRule(
        _ entry: Entry, of file: String, into configuration: inout Configuration
    ) throws(StartFailure) -> Bool {
        let next = "rule[\(configuration.rules.count + 1)]"
        if case .table = entry.value, entry.path == next {
            configuration.rules.append(RuleSetting(path: next, place: "\(file):\(entry.place)"))
            return true
        }
        guard let last = configuration.rules.indices.last, entry.path.hasPrefix(configuration.rules[last].path + ".") else {
            return false
        }
        let key = entry.path.dropFirst(configuration.rules[last].path.utf8.count + 1)
        do throws(StartFailure) {
            return try configuration.rules[last].read(String(key), entry.value)
        } catch {
            throw StartFailure("\(entry.place): \(error.description)")
        }
    }

    /// What a setting can be in TOML.
    enum Value {
        case string(String)
        case integer(Int)
        case boolean(Bool)
        case strings([String])
        /// An empty one, or the beginning of one in a list.
        case table
        /// Of a type that no setting has.
        case other

        var string: String? { if case .string(let string) = self { string } else { nil } }
        var boolean: Bool? { if case .boolean(let boolean) = self { boolean } else { nil } }
        var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }
    }

    fileprivate struct Entry {
        let path: String
        let value: Value
        /// Line and column.
        let place: String
    }

    private static func parse(_ text: String) throws(StartFailure) -> [Entry] {
        var entries: [Entry] = []
        var message = [CChar](repeating: 0, count: 512)
        var line: Int32 = 0
        var column: Int32 = 0
        let result = unsafe withUnsafeMutablePointer(to: &entries) { entries in
            unsafe usher_toml_read(
                text, text.utf8.count,
                { context, value in
                    guard let entries = unsafe context?.assumingMemoryBound(to: [Entry].self), let value = unsafe value?.pointee
                    else {
                        return
                    }
                    unsafe entries.pointee.append(Entry(value))
                }, entries, &message, message.count, &line, &column)
        }
        guard result == 0 else {
            let words = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw StartFailure("\(line):\(column): \(words).")
        }
        return entries
    }

    /// All settings as they are, in the form of a settings' file.
    static func text(of configuration: Configuration) -> String {
        var text = ""
        var table = ""
        for setting in Setting.all {
            let names = setting.path.split(separator: ".").map(String.init)
            guard let value = setting.show(configuration) else { continue }
            if names[0] != table {
                table = names[0]
                text += (text.isEmpty ? "" : "\n") + "[\(table)]\n"
            }
            text += "\(names[1]) = \(value)\n"
        }
        for rule in configuration.rules { text += "\n" + rule.text }
        return text
    }

    private static func contents(of path: String) throws(StartFailure) -> String {
        // A pipe would be waited for.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw StartFailure(" \(errorText(errno)).") }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw StartFailure(" no regular file.")
        }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &block, block.count)
            if count == 0 { break }
            guard count > 0 else { throw StartFailure(" \(errorText(errno)).") }
            bytes += block.prefix(count)
            guard bytes.count <= maxLength else { throw StartFailure(" longer than \(maxLength) bytes: these are no settings.") }
        }
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw StartFailure(" not UTF-8 text.")
        }
        return text
    }
}

extension SettingsFile.Entry {
    fileprivate init(_ value: usher_toml_value) {
        unsafe path = String(cString: value.path)
        place = unsafe "\(value.line):\(value.column)"
        let strings = unsafe (0..<value.count).map { index in
            let bytes = unsafe UnsafeRawBufferPointer(start: value.strings[index], count: value.lengths[index])
            return unsafe String(decoding: bytes, as: UTF8.self)
        }
        self.value =
            switch unsafe value.kind {
            case USHER_TOML_STRING: .string(strings.first ?? "")
            case USHER_TOML_INTEGER: unsafe .integer(Int(value.integer))
            case USHER_TOML_BOOLEAN: unsafe .boolean(value.integer != 0)
            case USHER_TOML_STRINGS: .strings(strings)
            case USHER_TOML_TABLE: .table
            default: .other
            }
    }
}
