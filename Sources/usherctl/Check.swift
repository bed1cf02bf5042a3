import ArgumentParser
import Glibc
import UsherModel
import UsherSQLite

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check that a database, or a backup, is whole.",
        discussion: """
            Without a file, the daemon's: a copy of it is made in $TMPDIR, or else /var/tmp, checked, and deleted, so that the daemon is not held up. It reads \
            all of it: every page, every index, and to whom each row belongs. The exit status is 1 if something is wrong.
            """)

    @Argument(help: "A backup, or the database of a daemon that is stopped.", completion: .file())
    var file: String?

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        if let file {
            let facts = try DatabaseReport.examine(file)
            return DatabaseReport(file: file, size: nil, facts: facts).show("whole", json: daemon.json)
        }
        let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/var/tmp"
        // Goes away with this, since it is never finished.
        let copy = try NewFile(at: "\(folder)/usher-check", mode: 0o600)
        let size = try await DatabaseDownload.run(daemon, into: copy)
        let facts = try DatabaseReport.examine(copy.draft)
        DatabaseReport(file: nil, size: size, facts: facts).show("whole", json: daemon.json)
    }
}
