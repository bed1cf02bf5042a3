public import UsherModel

/// The credentials that systemd hands to the service (systemd.exec(5), `LoadCredential=` and its like).
public struct Credentials: Sendable {
    /// Where they are; nil where the process was given none.
    public let directory: String?

    public init(directory: String?) { self.directory = directory }

    /// Those of this process: `$CREDENTIALS_DIRECTORY`.
    public static func ofProcess() -> Credentials { Credentials(directory: environment("CREDENTIALS_DIRECTORY")) }

    /// The secret of that name, as `SecretFile.read` takes it. Nil where there is none.
    /// - Throws: `internal`, with a cause that names the file, when it is there but cannot be read.
    public func secret(named name: String) throws(UsherError) -> SecretBytes? {
        guard let directory else { return nil }
        return try SecretFile.read("\(directory)/\(name)", of: .systemd)
    }
}
