import ArgumentParser
import UsherJSON

/// Custom claims on the command line.
struct ClaimOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Set a custom claim to a text. Can be repeated.", valueName: "name=text"))
    var claim: [String] = []

    @Option(
        help: ArgumentHelp("Set a custom claim to any JSON value. Can be repeated.", valueName: "name=json"))
    var claimJson: [String] = []

    func validate() throws { _ = try pairs }

    /// Names with their values, which are JSON.
    private var pairs: [(name: String, value: [UInt8])] {
        get throws {
            let texts = try claim.map { word in
                let (name, text) = try Self.split(word, "--claim")
                var writer = JSONWriter()
                writer.value(text)
                return (name, writer.bytes)
            }
            let values = try claimJson.map { word in
                let (name, json) = try Self.split(word, "--claim-json")
                guard JSONText.isValue(Array(json.utf8)) else {
                    throw ValidationError(
                        "--claim-json: \(word): what follows the = is not JSON. (A text is in quotes: '\(name)=\"…\"'.)")
                }
                return (name, Array(json.utf8))
            }
            return texts + values
        }
    }

    /// The member `claims`; nil if none is to be set.
    /// - Parameter removing: claims to take away.
    func json(removing: [String] = []) throws -> [UInt8]? {
        let all = try pairs + removing.map { ($0, Array("null".utf8)) }
        guard !all.isEmpty else { return nil }
        guard Set(all.map(\.name)).count == all.count else { throw ValidationError("A claim is named twice.") }
        var writer = JSONWriter()
        writer.openObject()
        for (name, value) in all { writer.member(name, raw: value.span) }
        writer.closeObject()
        return writer.bytes
    }

    private static func split(_ word: String, _ option: String) throws -> (String, String) {
        guard let sign = word.firstIndex(of: "="), sign != word.startIndex else {
            throw ValidationError("\(option) takes a name, =, and a value, not \(word).")
        }
        return (String(word[..<sign]), String(word[word.index(after: sign)...]))
    }
}
