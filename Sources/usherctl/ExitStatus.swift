import ArgumentParser
import UsherClient

/// What the shell sees of a command that failed, in usherctl(8). (64, a command line that is no good, is the argument parser's.)
enum ExitStatus {
    static let refused = ExitCode(1)
    static let local = ExitCode(2)
    static let unreachable = ExitCode(3)
    static let retryLater = ExitCode(4)

    static func of(_ failure: ClientFailure) -> ExitCode {
        switch failure {
        case .denied, .misuse: refused
        case .retryLater: retryLater
        case .lost: unreachable
        }
    }
}
