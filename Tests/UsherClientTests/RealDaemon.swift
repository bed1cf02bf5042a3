import Foundation
import UsherClient

/// The usherd that was built with the tests, on a state of its own.
final class RealDaemon {
    private let folder: URL
    private var process = Process()

    var path: String { folder.path + "/s" }
    var adminPath: String { folder.path + "/a" }

    /// - Parameter settings: of usher.toml, besides hashing that costs next to nothing.
    init(_ settings: String = "") async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "usher-\(UUID())")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "state"), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Data("password = { scheme = \"bcrypt\", cost = 4 }\n\(settings)\n".utf8).write(
            to: folder.appending(path: "usher.toml"))
        try await start()
    }

    deinit {
        end(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// Starts it, again if need be, and waits until it answers.
    func start() async throws {
        process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "usherd")
        process.arguments =
            [
                "--config", folder.path + "/usher.toml", "--listen", path, "--admin-listen", adminPath, "--state",
                folder.path + "/state",
            ]
        process.environment = [:]
        process.standardError = FileHandle.nullDevice
        try process.run()
        let client = UsherClient(path: adminPath)
        while (try? await client.ping()) == nil {
            guard process.isRunning else { throw CocoaError(.executableLoad) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func end(_ signal: Int32 = SIGTERM) {
        guard process.isRunning else { return }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
    }

    /// It takes connections and requests, and answers none.
    func pause() { kill(process.processIdentifier, SIGSTOP) }
    func resume() { kill(process.processIdentifier, SIGCONT) }
}
