import Glibc
import UsherModel

/// Who may reach what lasts, and whether there is room for it.
enum StateExamination {
    private static let leastFree = 256 << 20

    static func findings(_ installation: Installation) -> [Finding] {
        let path = installation.stateFolder
        let folder: FileFacts
        do throws(TextFile.Unreadable) {
            // systemd makes a symbolic link of it where the user is dynamic.
            folder = try FileFacts(path + "/.")
        } catch {
            if error.code == ENOENT {
                return [
                    .note(
                        "there is no state folder \(path) yet", mend: "it is made when the daemon is first asked: usherctl status"
                    )
                ]
            }
            return [.note("the state folder \(path): \(errorText(error.code))", mend: "look as root: sudo usherctl doctor")]
        }
        return [access(path, folder)] + files(path, folder) + [room(path)]
    }

    private static func access(_ path: String, _ folder: FileFacts) -> Finding {
        if folder.gives(0o077) {
            return .problem(
                "others may get into the state folder: \(path) is \(folder.text)", mend: "chmod 0700 \(path.shellWord)")
        }
        return .ok("the state folder \(path) is \(folder.text)")
    }

    private static func files(_ path: String, _ folder: FileFacts) -> [Finding] {
        var findings: [Finding] = []
        var present: [String] = []
        for name in ["jwt-secret", "refresh-secret", "data-key", "usher.db", "usher.db-wal", "usher.db-shm"] {
            let file = "\(path)/\(name)"
            // The daemon follows links, too; of one that leads nowhere it speaks itself.
            guard let facts = try? FileFacts(file, following: true) else { continue }
            present.append(name)
            if !facts.isFile {
                findings.append(.problem("\(file) is no plain file", mend: "see what it is, and move it away"))
            } else if facts.gives(0o077) {
                findings.append(
                    .problem(
                        "others may read \(file): it is \(facts.text)",
                        mend: "chmod 0600 \(file.shellWord); if anybody may have read it, make a new secret"))
            } else if facts.uid != 0, facts.uid != folder.uid {
                let owner = FileFacts.user(folder.uid)
                findings.append(
                    .problem(
                        "\(file) is not the daemon's: it is \(facts.text)", mend: "chown \(owner.shellWord) \(file.shellWord)"))
            }
        }
        if findings.isEmpty, !present.isEmpty { findings = [.ok("in it, closed to others: \(present.joined(separator: ", "))")] }
        return findings
    }

    private static func room(_ path: String) -> Finding {
        var facts = statvfs()
        guard unsafe statvfs(path, &facts) == 0 else {
            return .note("the disk of \(path): \(errorText(errno))", mend: "df \(path.shellWord)")
        }
        let free = Int(facts.f_bavail) * Int(facts.f_frsize)
        if facts.f_flag & UInt(ST_RDONLY) != 0 {
            return .problem(
                "the disk of \(path) is read-only: nothing can be stored", mend: "dmesg tells why; then mount -o remount,rw")
        }
        if free < leastFree || (facts.f_files > 0 && facts.f_favail == 0) {
            return .problem(
                "the disk of \(path) is nearly full: \((free >> 20).grouped) MiB are free",
                mend: "make room: df -h \(path.shellWord)")
        }
        return .ok("the disk of it has \((free >> 20).grouped) MiB free")
    }
}
