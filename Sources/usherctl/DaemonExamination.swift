import Glibc
import UsherClient
import UsherModel

/// The daemon itself.
enum DaemonExamination {
    static func findings(_ installation: Installation, _ settings: SettingsExamination) async -> [Finding] {
        let client = UsherClient(path: installation.adminSocketPath, timeout: .seconds(10))
        let begin = ContinuousClock.now
        do throws(ClientFailure) {
            let version = try await client.ping()
            let milliseconds = Int(begin.duration(to: .now) / .milliseconds(1))
            var findings = [Finding.ok("the daemon answers, after \(milliseconds) ms: version \(version)")]
            if version != Usher.version {
                findings.append(
                    .problem(
                        "the daemon is of version \(version), and this is usherctl \(Usher.version)",
                        mend: "systemctl restart \(installation.service) starts what is installed"))
            }
            return findings + [store(try? await client.call(Request("STATUS"))), limit(installation, settings)].compactMap { $0 }
        } catch {
            return [.problem("the daemon does not answer: \(error.description)", mend: mend(error, installation))]
        }
    }

    private static func mend(_ failure: ClientFailure, _ installation: Installation) -> String {
        switch failure {
        case .denied, .misuse: "ask as root"
        case .retryLater: "try again in a moment; usherctl status tells what it is busy with"
        case .lost(let lost):
            switch lost.reason {
            case .unreachable: "systemctl enable --now \(installation.appSocketUnit); and ask as root"
            case .ended, .timedOut, .garbled, .cancelled:
                "systemctl status \(installation.service), journalctl -u \(installation.service) -n 20"
            }
        }
    }

    /// - Returns: nil where the store works, or a daemon of another version does not tell.
    private static func store(_ status: ReplyObject?) -> Finding? {
        guard let store = status?.object("store"), let health = store.string("health"), health != "working" else { return nil }
        let cause = store.string("cause").map { ": \($0)" } ?? ""
        return .problem("the store is \(health)\(cause)", mend: "look at the disk: dmesg, df; journalctl -u usher -p err")
    }

    /// - Returns: nil where it is not known which process it is.
    private static func limit(_ installation: Installation, _ settings: SettingsExamination) -> Finding? {
        guard let connections = settings.connections,
            let holder = try? TextFile.read("\(installation.stateFolder)/lock"), let process = Int(holder.prefix { $0.isNumber }),
            let limits = try? TextFile.read("/proc/\(process)/limits"),
            let line = limits.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }),
            let files = line.split(separator: " ").dropFirst(3).first.flatMap({ Int($0) })
        else { return nil }
        // Besides connections: the database, the journal, the sockets.
        guard files >= connections + 64 else {
            return .problem(
                "the daemon may open \(files.grouped) files, and the settings allow \(connections.grouped) connections",
                mend:
                    "LimitNOFILE=\(connections + 1024) in a drop-in (systemctl edit \(installation.service)), or a lower socket.max_connections"
            )
        }
        return .ok("it may open \(files.grouped) files, enough for \(connections.grouped) connections")
    }
}
