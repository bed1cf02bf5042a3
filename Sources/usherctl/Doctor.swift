import ArgumentParser
import Glibc
import UsherJSON

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look for what is wrong with an installation, and say how to mend it.",
        discussion: """
            It looks at sockets, the state folder and its secrets, the settings (with the dictionary of passwords that they name), the units, the \
            clock, limits, and whether the daemon answers. It changes nothing. Run it as root; the exit status is 1 if there is a problem.
            """)

    @OptionGroup var installation: Installation

    @Flag(help: "Print the findings as one JSON object.")
    var json = false

    func run() async throws {
        var findings: [Finding] = []
        func found(_ more: [Finding]) {
            findings += more
            if !json { for line in more.flatMap(\.lines) { Output.print(line) } }
        }
        if geteuid() != 0 {
            found([.note("you are not root: not everything can be looked at", mend: "sudo usherctl doctor")])
        }
        found(UnitExamination.findings(installation))
        found(SocketExamination.findings(installation))
        found(StateExamination.findings(installation))
        let settings = SettingsExamination(installation)
        found(settings.findings)
        found(ClockExamination.findings(installation))
        found(await DaemonExamination.findings(installation, settings))
        let problems = findings.count { $0.level == .problem }
        if json {
            var writer = JSONWriter()
            writer.openObject()
            writer.member("problems", Int64(problems))
            writer.name("findings")
            writer.openArray()
            for finding in findings { finding.write(to: &writer) }
            writer.closeArray()
            writer.closeObject()
            Output.line(writer.bytes)
        } else {
            Output.print("")
            Output.print(problems == 0 ? "No problem was found." : problems == 1 ? "1 problem." : "\(problems) problems.")
        }
        if problems > 0 { throw ExitStatus.refused }
    }
}
