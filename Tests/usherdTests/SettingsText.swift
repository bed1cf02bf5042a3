import Glibc
import UsherModel

@testable import usherd

/// A configuration of this settings' text and environment.
func configuration(
    _ text: String? = nil, _ environment: [String: String] = [:], arguments: [String] = []
) throws -> Configuration {
    var words = arguments
    var path: [CChar] = []
    if let text {
        path = Array("/tmp/usher-settings-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&path)
        precondition(unsafe write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
        words += ["--config", String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)]
    }
    defer { if text != nil { unsafe unlink(path) } }
    return try Configuration(try Arguments(words)) { environment[$0] }
}

/// What is said of a text, the file's name cut off.
func fault(_ text: String, _ environment: [String: String] = [:]) -> String? {
    do {
        _ = try configuration(text, environment)
        return nil
    } catch {
        let words = "\(error)"
        guard words.hasPrefix("/tmp/usher-settings-"), let colon = words.firstIndex(of: ":") else { return words }
        return String(words[words.index(after: colon)...])
    }
}
