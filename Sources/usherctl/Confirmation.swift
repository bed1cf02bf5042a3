import ArgumentParser
import Glibc

/// Makes sure that what cannot be undone is meant.
struct Confirmation: ParsableArguments {
    @Flag(help: "Do not ask whether it is meant.")
    var yes = false

    func ask(_ question: String) throws {
        if yes { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("There is no terminal to ask on: give --yes if it is meant.")
        }
        _ = writeAll(Array("\(question) [y/N] ".utf8), to: STDERR_FILENO)
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Output.failure("Nothing is done.", ExitStatus.refused)
        }
    }
}
