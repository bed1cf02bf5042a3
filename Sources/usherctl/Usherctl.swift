import ArgumentParser
import Glibc
import UsherModel

@main
struct Usherctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usherctl",
        abstract: "Administer usherd: its users, its roles, and what it is doing.",
        discussion: """
            Commands talk to the daemon's admin socket, which is for root alone. With --json they print the daemon's replies as they are, one JSON \
            object a line. Exit status: 0 done; 1 refused, or something was found amiss; 2 a file or the terminal here failed; 3 the daemon \
            cannot be reached; 4 the daemon asks to try again later; 64 the command line is no good.
            """,
        version: "usherctl \(Usher.version)",
        subcommands: [
            UserCommand.self, RoleCommand.self, Status.self, Clients.self, Metrics.self, Monitor.self, Audit.self, Top.self,
            Backup.self, Restore.self, Check.self, Calibrate.self, Doctor.self,
        ])

    static func main() async {
        // Passwords pass through here.
        try? forbidMemoryDumps()
        fillStandardDescriptors()
        await main(nil)
    }

    /// A standard output that was handed over closed must not become the connection: what is printed would be sent to the daemon.
    private static func fillStandardDescriptors() {
        var descriptor: Int32
        // Whoever writes to one of them is told so.
        repeat { descriptor = unsafe open("/dev/null", O_RDONLY) } while (STDIN_FILENO...STDERR_FILENO).contains(descriptor)
        close(descriptor)
    }
}
