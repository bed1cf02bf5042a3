import ArgumentParser

/// Which daemon's state folder it is about.
struct StatePlace: ParsableArguments {
    @Option(help: ArgumentHelp("The daemon of this app, usher@APP, instead of the usual one.", valueName: "app"))
    var app: String?

    @Option(help: ArgumentHelp("The state folder, where it is not the unit's.", valueName: "dir"), completion: .directory)
    var state: String?

    func validate() throws {
        if let app, app.isEmpty || app.contains("/") {
            throw ValidationError("--app: an app's name is what stands behind usher@.")
        }
    }

    var folder: String { state ?? app.map { "/var/lib/usher@\($0)" } ?? "/var/lib/usher" }
}
