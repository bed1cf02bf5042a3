import Glibc
import TOMLKit
import UsherModel

/// The settings' file.
enum SettingsFile {
    /// No settings are as long as this, in bytes.
    private static let maxLength = 1_048_576

    /// - Throws: what is wrong: of the syntax with line and column, of a key or a value with its path.
    static func read(_ path: String, into configuration: inout Configuration) throws(StartFailure) {
        let text = try contents(of: path)
        let document: TOMLTable
        do {
            document = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw StartFailure("\(path):\(error.source.begin.line):\(error.source.begin.column): \(error.description)")
        } catch {
            throw StartFailure("\(path): \(error)")
        }
        let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.path, $0) })
        let tables = Set(settings.keys.compactMap { $0.split(separator: ".").first.map(String.init) })
        for table in document.keys.sorted() {
            guard tables.contains(table) else { throw StartFailure("\(path): there is no setting \(table.printable).") }
            guard let members = document[table]?.table else { throw StartFailure("\(path): \(table) must be a table, [\(table)].") }
            for key in members.keys.sorted() {
                guard let setting = settings["\(table).\(key)"], let value = members[key] else {
                    throw StartFailure("\(path): there is no setting \(table).\(key.printable).")
                }
                do throws(StartFailure) {
                    try setting.read(value, &configuration)
                } catch {
                    throw StartFailure("\(path): \(error.description)")
                }
            }
        }
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
        return text
    }

    private static func contents(of path: String) throws(StartFailure) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StartFailure("\(path): \(systemError()).") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &block, block.count)
            if count == 0 { break }
            guard count > 0 else { throw StartFailure("\(path): \(systemError()).") }
            bytes += block.prefix(count)
            guard bytes.count <= maxLength else { throw StartFailure("\(path): longer than \(maxLength) bytes: these are no settings.") }
        }
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw StartFailure("\(path): not UTF-8 text.")
        }
        return text
    }
}

/// The words of errno(3).
func systemError() -> String {
    let code = errno
    return unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
