import UsherJSON

/// What `doctor` found of one thing.
struct Finding {
    enum Level: String {
        /// As it should be.
        case ok
        /// Worth knowing, and perhaps meant so.
        case note
        case problem
    }

    let level: Level
    let text: String
    /// What to do about it: commands that can be pasted, or a sentence.
    let mend: String?

    static func ok(_ text: String) -> Finding { Finding(level: .ok, text: text, mend: nil) }
    static func note(_ text: String, mend: String) -> Finding { Finding(level: .note, text: text, mend: mend) }
    static func problem(_ text: String, mend: String) -> Finding { Finding(level: .problem, text: text, mend: mend) }

    /// For people.
    var lines: [String] {
        let head = HumanText.padded(level.rawValue, to: 9) + HumanText.printable(text)
        return [head] + (mend.map { ["         -> " + HumanText.printable($0)] } ?? [])
    }

    func write(to writer: inout JSONWriter) {
        writer.openObject()
        writer.member("level", level.rawValue)
        writer.member("text", text)
        if let mend { writer.member("mend", mend) }
        writer.closeObject()
    }
}
