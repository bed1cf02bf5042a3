import Glibc
import UsherModel

/// What the daemon itself says of its settings, its secrets and its dictionary.
struct SettingsExamination {
    let findings: [Finding]
    /// `[socket] max_connections`; nil where the settings are no good.
    let connections: Int?

    init(_ installation: Installation) {
        let program = installation.usherd ?? Self.besideThisOne()
        let file = installation.settings
        let hasFile = unsafe access(file, F_OK) == 0
        let missing: [Finding] =
            hasFile
            ? []
            : [
                .note(
                    "there are no settings \(file): each has its default",
                    mend: "if that is not meant: install -D -m 0644 systemd/usher.toml \(file.shellWord)")
            ]
        var words = [program] + (hasFile ? ["--config", file] : [])
        if let folder = try? FileFacts(installation.stateFolder + "/.") {
            words += ["--state", installation.stateFolder]
            // Whether it may use them is for the daemon's own user to tell.
            if geteuid() == 0, folder.uid != 0 {
                words = ["setpriv", "--reuid=\(folder.uid)", "--regid=\(folder.gid)", "--clear-groups", "--"] + words
            }
        }
        guard let done = Program.run(words[0], Array(words.dropFirst()) + ["--check-config"]), done.status != 127 else {
            findings =
                missing + [.problem("there is no daemon \(program)", mend: "install Usher, or name the program with --usherd")]
            connections = nil
            return
        }
        guard done.status == 0 else {
            let message = done.output.split(separator: "\n").last.map(String.init) ?? "it ended with \(done.status)"
            findings = missing + [.problem(message, mend: "mend it, then systemctl reload \(installation.service)")]
            connections = nil
            return
        }
        let lines = done.output.split(separator: "\n").map(String.init)
        func value(_ name: String) -> String? {
            lines.first { $0.hasPrefix("\(name) = ") }.map { String($0.dropFirst(name.count + 3)) }
        }
        connections = value("max_connections").flatMap { Int($0) }
        let dictionary = value("dictionary").map { " (the dictionary of passwords: \($0))" } ?? ""
        var found: [Finding] = [.ok("the settings\(hasFile ? " in \(file)" : "") and secrets are good\(dictionary)")]
        if let facts = try? FileFacts(file), facts.gives(0o022) {
            found.append(
                .problem("others than its owner may write \(file): it is \(facts.text)", mend: "chmod go-w \(file.shellWord)"))
        }
        findings = missing + found
    }

    /// `make install` and the package put both into one folder.
    private static func besideThisOne() -> String {
        var path = [CChar](repeating: 0, count: 4_096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        let this = String(decoding: path.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside = this.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/usherd"
        return unsafe access(beside, X_OK) == 0 ? beside : "usherd"
    }
}
