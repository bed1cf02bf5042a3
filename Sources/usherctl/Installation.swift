import ArgumentParser
import UsherClient

/// Where a daemon has its things.
struct Installation: ParsableArguments {
    @OptionGroup var place: StatePlace

    @Option(help: ArgumentHelp("The admin socket, where it is not the unit's.", valueName: "path"), completion: .file())
    var socket: String?

    @Option(help: ArgumentHelp("The apps' socket, where it is not the unit's.", valueName: "path"), completion: .file())
    var appSocket: String?

    @Option(help: ArgumentHelp("The settings, where they are not the unit's.", valueName: "file"), completion: .file())
    var config: String?

    @Option(help: ArgumentHelp("The daemon's program, where it is not beside this one.", valueName: "file"), completion: .file())
    var usherd: String?

    var app: String? { place.app }
    var adminSocketPath: String { socket ?? app.map { "/run/usher/\($0)/admin.sock" } ?? UsherClient.usualAdminPath }
    var appSocketPath: String { appSocket ?? app.map { "/run/usher/\($0)/usher.sock" } ?? UsherClient.usualPath }
    var settings: String { config ?? "/etc/usher/\(app ?? "usher").toml" }
    var stateFolder: String { place.folder }
    /// Whose members may ask.
    var group: String { app.map { "usher-\($0)" } ?? "usher" }

    var service: String { unit("service") }
    var appSocketUnit: String { unit("socket") }
    var adminSocketUnit: String { app.map { "usher-admin@\($0).socket" } ?? "usher-admin.socket" }

    /// Whether it is the one that the units start: with other places, systemd has nothing to say of it.
    var isOfUnits: Bool { [socket, appSocket, config, place.state].allSatisfy { $0 == nil } }

    private func unit(_ kind: String) -> String { app.map { "usher@\($0).\(kind)" } ?? "usher.\(kind)" }
}
