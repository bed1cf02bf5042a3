import Glibc
import UsherModel

/// What systemd says of the units.
enum UnitExamination {
    static func findings(_ installation: Installation) -> [Finding] {
        guard installation.isOfUnits else { return [] }
        guard unsafe access("/run/systemd/system", F_OK) == 0 else {
            return [
                .note("systemd does not run here", mend: "start usherd with --listen, --admin-listen and --state, see usherd(8)")
            ]
        }
        return socket(installation.appSocketUnit, isEnabledItself: true)
            + socket(installation.adminSocketUnit, isEnabledItself: false)
            + service(installation.service)
    }

    private static func socket(_ unit: String, isEnabledItself: Bool) -> [Finding] {
        let facts = show(unit)
        guard facts["LoadState"] == "loaded" else { return [notInstalled(unit, facts)] }
        guard facts["ActiveState"] == "active" else {
            return [
                .problem(
                    "\(unit) does not listen: it is \(facts["ActiveState"] ?? "gone")",
                    mend: "systemctl enable --now \(unit.shellWord)")
            ]
        }
        var findings = [Finding.ok("\(unit) listens")]
        if isEnabledItself, facts["UnitFileState"] == "disabled" {
            findings = [.problem("\(unit) listens, but not after the next boot", mend: "systemctl enable \(unit.shellWord)")]
        }
        return findings + outdated(unit, facts)
    }

    private static func service(_ unit: String) -> [Finding] {
        let facts = show(unit)
        guard facts["LoadState"] == "loaded" else { return [notInstalled(unit, facts)] }
        var findings: [Finding] = []
        switch facts["ActiveState"] ?? "" {
        case "active", "reloading": findings.append(.ok("\(unit) runs: \(facts["StatusText"] ?? "")"))
        case "inactive": findings.append(.ok("\(unit) starts when it is first asked"))
        default:
            findings.append(
                .problem(
                    "\(unit) is \(facts["ActiveState"] ?? "gone") (\(facts["Result"] ?? "")): \(facts["StatusText"] ?? "")",
                    mend: "journalctl -u \(unit.shellWord) -p warning -n 20 says why"))
        }
        if let restarts = facts["NRestarts"].flatMap({ Int($0) }), restarts > 0 {
            findings.append(
                .note(
                    "\(unit) was started anew \(restarts) times after it failed",
                    mend:
                        "journalctl -u \(unit.shellWord) -t systemd says when and why; systemctl reset-failed \(unit.shellWord) forgets it"
                ))
        }
        let secrets = ["jwt-secret", "refresh-secret", "data-key"].filter { facts["SetCredential", default: ""].contains($0) }
        if !secrets.isEmpty {
            findings.append(
                .problem(
                    "everybody can read \(secrets.joined(separator: ", ")) in \(unit): SetCredential= is not for secrets",
                    mend: "use LoadCredentialEncrypted= with a new secret, as README says"))
        }
        return findings + outdated(unit, facts)
    }

    private static func notInstalled(_ unit: String, _ facts: [String: String]) -> Finding {
        .problem(
            "\(unit) is \(facts["LoadState"] ?? "not known to systemd")",
            mend: "install Usher's package, or run make install and what it says; then systemctl daemon-reload")
    }

    private static func outdated(_ unit: String, _ facts: [String: String]) -> [Finding] {
        guard facts["NeedDaemonReload"] == "yes" else { return [] }
        return [.problem("\(unit) was changed, and systemd has not read it again", mend: "systemctl daemon-reload")]
    }

    private static func show(_ unit: String) -> [String: String] {
        let wanted = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,NRestarts,Result,StatusText,SetCredential"
        let output = Program.run("systemctl", ["show", "--property=\(wanted)", "--", unit])?.output ?? ""
        return output.split(separator: "\n").reduce(into: [:]) { facts, line in
            guard let sign = line.firstIndex(of: "=") else { return }
            // A property that is there several times has several values.
            let name = String(line[..<sign])
            let value = String(line[sign...].dropFirst())
            facts[name] = facts[name].map { "\($0) \(value)" } ?? value
        }
    }
}
