import ArgumentParser
import UsherSQLite

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a copy of the database, made while the daemon serves.",
        discussion: """
            The file, mode 0600, appears when it is whole and has been checked, in place of one that is there. It has all that was acknowledged before, \
            with password hashes: keep it as you would keep the database. The secrets are not in it: keep copies of them apart; without the data key \
            the second factors in it are lost.
            """)

    @Argument(help: "The file.", completion: .file())
    var file: String

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        var copy = try NewFile(at: file, mode: 0o600)
        let size = try await DatabaseDownload.run(daemon, into: copy)
        let facts = try DatabaseReport.examine(copy.draft)
        try copy.finish()
        DatabaseReport(file: file, size: size, facts: facts).show("written, and found whole", json: daemon.json)
    }
}
