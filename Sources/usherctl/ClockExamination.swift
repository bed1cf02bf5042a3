import Glibc
import UsherModel

/// Tokens are only as good as the clock.
enum ClockExamination {
    /// 2026-01-01, before which nobody can have had this program.
    private static let earliest: Int64 = 1_767_225_600

    static func findings(_ installation: Installation) -> [Finding] {
        let now = Int64(time(nil))
        if now < earliest {
            return [
                .problem(
                    "the clock is wrong: it says \(LocalTime.text(now))",
                    mend: "timedatectl set-ntp true, or date -s; then systemctl restart \(installation.service)")
            ]
        }
        let written = ["usher.db", "usher.db-wal"].compactMap { try? FileFacts("\(installation.stateFolder)/\($0)").modified }
            .max()
        if let written, written > now + 60 {
            return [
                .problem(
                    "the clock went back: it says \(LocalTime.text(now)), and the database was written at \(LocalTime.text(written))",
                    mend: "timedatectl set-ntp true; tokens that are over are taken for good until it is right")
            ]
        }
        let told = Program.run("timedatectl", ["show", "--property=NTPSynchronized", "--value"])?.output ?? ""
        switch told.split(separator: "\n").last {
        case "yes": return [.ok("the clock is kept right: \(LocalTime.text(now))")]
        case "no":
            return [
                .note(
                    "nothing is known to keep the clock right: it says \(LocalTime.text(now))",
                    mend: "apt install systemd-timesyncd && timedatectl set-ntp true, unless the host of this machine does it")
            ]
        default:
            return [
                .note("whether the clock is kept right is not known: it says \(LocalTime.text(now))", mend: "compare it: date")
            ]
        }
    }
}
