import Glibc
import UsherModel
import UsherSystemd

// What the shell sees: 0 after an orderly stop, 1 if the daemon cannot start, 2 for a command line that is no good.
func fail(_ message: String, _ status: Int32) -> Never {
    // Into the journal it goes as an error (sd-daemon(3)).
    let priority = Journal.Destination.detected() == .journal ? "<3>" : ""
    let line = "\(priority)usherd: \(message.printable)\n"
    _ = unsafe write(STDERR_FILENO, line, line.utf8.count)
    exit(status)
}

// A daemon started without standard streams would open its files in their place, and log into them.
for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
    _ = unsafe open("/dev/null", O_RDWR)
}

do throws(Arguments.Misuse) {
    let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
    do throws(StartFailure) {
        switch arguments.action {
        case .help: print(Arguments.usage)
        case .version: print("usherd \(Usher.version)")
        case .checkConfig:
            let configuration = try Configuration(arguments, environment: environment)
            // systemd sets it for ExecReload= (systemd.exec(5)).
            try Secrets.check(configuration, isRunning: environment("MAINPID") != nil)
            _ = try PasswordJudges(configuration)
            if !arguments.isQuiet { print(SettingsFile.text(of: configuration), terminator: "") }
        case .serve:
            let configuration = try Configuration(arguments, environment: environment)
            try Daemon.run(configuration) { () throws(StartFailure) in try Configuration(arguments, environment: environment) }
        }
    } catch {
        // `systemctl status` shows it until the next start; the lines of the journal there are those of the last attempt alone.
        if arguments.action == .serve { _ = Supervisor().status("Cannot start: \(error.description)") }
        fail(error.description, 1)
    }
} catch {
    _ = unsafe write(STDERR_FILENO, Arguments.usage + "\n", Arguments.usage.utf8.count + 1)
    fail(error.message, 2)
}

/// A variable of the environment; an empty one counts as unset.
func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
}
