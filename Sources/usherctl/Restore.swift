import ArgumentParser
import Glibc
import UsherModel
import UsherSQLite

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a backup in the place of the database of a daemon that is stopped.",
        discussion: """
            Stop it first, with its sockets. The file is checked, and brought up to the present schema where it is older; then it takes the place of the \
            database at once, or not at all. What came after the backup is lost: accounts, new passwords, who was disabled. All sessions are ended and all tokens \
            issued until now refused: otherwise those that were revoked after the backup would be good again. Links that were sent by mail are void. The secrets must \
            be those that the backup was made under.
            """)

    @Argument(help: "The backup.", completion: .file())
    var file: String

    @OptionGroup var place: StatePlace

    @Flag(
        help:
            "Keep the sessions of the backup, and all tokens. Those that were revoked after it are good again; sessions that were refreshed after it end."
    )
    var keepSessions = false

    @OptionGroup var confirmation: Confirmation

    func run() throws {
        let source = unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw Output.failure("\(file): \(errorText(errno)).") }
        defer { close(source) }
        try confirmation.ask("Replace the database in \(place.folder)\(keepSessions ? "" : ", and log all its users out")?")
        try becomeOwner()
        let lock: StateLock
        do throws(StartFailure) { lock = try StateLock(claiming: place.folder) } catch {
            let service = place.app.map { "usher@\($0)" } ?? "usher"
            throw Output.failure(
                "\(HumanText.printable(error.description)) A daemon must be stopped first: systemctl stop '\(service).socket' '\(service).service'",
                ExitStatus.refused)
        }
        defer { lock.release() }
        let restoration = Restoration(of: place.folder + "/usher.db")
        defer { Restoration.removeLeftovers(beside: place.folder + "/usher.db") }
        try copy(source, to: restoration.draft)
        // Tokens of the present second are refused, those of the next one are good.
        let moment = keepSessions ? nil : NumericDate(time(nil)) + 1
        do throws(StoreOpenError) { try restoration.finish(refusingTokensBefore: moment) } catch {
            throw Output.failure(HumanText.printable(error.description), ExitStatus.refused)
        }
        // No daemon starts before.
        while let moment, time(nil) < moment { usleep(50_000) }
        Output.print("\(HumanText.printable(file)) is restored. Start the daemon again.")
    }

    /// What is done in the folder is done as the user that it belongs to: root must not follow what that user may have put there.
    private func becomeOwner() throws {
        var status = stat()
        guard unsafe stat(place.folder, &status) == 0 else {
            let advice = errno == ENOENT ? " Start the daemon once, and stop it: then it is there." : ""
            throw Output.failure("The state folder \(place.folder): \(errorText(errno)).\(advice)")
        }
        guard status.st_uid != geteuid() else { return }
        guard setgroups(0, nil) == 0, setegid(status.st_gid) == 0, seteuid(status.st_uid) == 0 else {
            throw Output.failure(
                "The state folder \(place.folder) belongs to \(FileFacts.user(status.st_uid)): only that user or root can restore it."
            )
        }
    }

    private func copy(_ source: Int32, to path: String) throws {
        let target = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard target >= 0 else { throw Output.failure("\(path): \(errorText(errno)).") }
        defer { close(target) }
        var block = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = unsafe read(source, &block, block.count)
            if count == 0 { return }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Output.failure("\(file): \(errorText(errno)).") }
            guard writeAll(Array(block.prefix(count)), to: target) else { throw Output.failure("\(path): \(errorText(errno)).") }
        }
    }
}
