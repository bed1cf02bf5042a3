import Glibc
import UsherModel

/// Who may connect.
enum SocketExamination {
    static func findings(_ installation: Installation) -> [Finding] {
        app(installation) + admin(installation)
    }

    private static func app(_ installation: Installation) -> [Finding] {
        let path = installation.appSocketPath
        let facts: FileFacts
        switch look(path, installation) {
        case .success(let found): facts = found
        case .failure(let finding): return [finding.finding]
        }
        if facts.gives(0o007) {
            return [
                .problem(
                    "anybody on this machine may ask the daemon: \(path) is \(facts.text)",
                    mend: "chmod o= \(path.shellWord), and SocketMode=0660 in \(installation.appSocketUnit)")
            ]
        }
        var findings = [Finding.ok("the apps' socket \(path) is \(facts.text)")]
        if facts.gives(0o060), members(facts.gid).isEmpty {
            let group = FileFacts.group(facts.gid)
            findings.append(
                .note(
                    "nobody but root may ask: the group \(group) has no members",
                    mend: "usermod -aG \(group.shellWord) www-data, or whoever runs your app, and restart that"))
        }
        return findings
    }

    private static func admin(_ installation: Installation) -> [Finding] {
        let path = installation.adminSocketPath
        switch look(path, installation) {
        case .failure(let finding): return [finding.finding]
        case .success(let facts) where facts.gives(0o077):
            return [
                .problem(
                    "others than its owner may open the admin socket: \(path) is \(facts.text)",
                    mend: "chmod 0600 \(path.shellWord), and SocketMode=0600 in \(installation.adminSocketUnit)")
            ]
        case .success(let facts): return [.ok("the admin socket \(path) is \(facts.text)")]
        }
    }

    private struct Missing: Error {
        let finding: Finding
    }

    private static func look(_ path: String, _ installation: Installation) -> Result<FileFacts, Missing> {
        do throws(TextFile.Unreadable) {
            let facts = try FileFacts(path)
            if facts.isSocket { return .success(facts) }
            return .failure(
                Missing(
                    finding: .problem(
                        "\(path) is no socket",
                        mend: "see what it is, move it away, systemctl restart \(installation.appSocketUnit)")))
        } catch {
            return .failure(
                Missing(
                    finding: .problem(
                        "\(path): \(errorText(error.code))", mend: "systemctl enable --now \(installation.appSocketUnit)")))
        }
    }

    /// Who is in a group, by its list or as their own group.
    private static func members(_ gid: gid_t) -> [String] {
        var names: [String] = []
        if let entry = unsafe getgrgid(gid), var member = unsafe entry.pointee.gr_mem {
            while let name = unsafe member.pointee {
                unsafe names.append(String(cString: name))
                unsafe member += 1
            }
        }
        setpwent()
        defer { endpwent() }
        while let entry = unsafe getpwent() {
            if unsafe entry.pointee.pw_gid == gid, let name = unsafe entry.pointee.pw_name {
                unsafe names.append(String(cString: name))
            }
        }
        return names
    }
}
