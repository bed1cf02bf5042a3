import Glibc
import UsherModel
import UsherSystemd

/// The two signing secrets: from systemd's credentials, else the environment, else the state folder, where they are made once.
struct Secrets: Sendable {
    let access: Secret
    let refresh: Secret

    /// - Parameter running: those that are in force, when files are read anew: what was handed over at start is kept.
    /// - Throws: which secret is wrong, where it came from, and why.
    init(
        state: StateFolder, algorithm: MACAlgorithm, random: some RandomSource, running: Secrets? = nil
    ) throws(StartFailure) {
        func secret(_ name: SecretName, _ running: Secret?) throws(StartFailure) -> Secret {
            if let running, running.isHandedOver {
                try running.check(algorithm)
                return running
            }
            if let found = try Secret(name, in: state.path, algorithm) { return found }
            let made = Self.generated(by: random)
            try state.create(name.file, made)
            return Secret(bytes: SharedSecret(made), source: "\(state.path)/\(name.file)", isHandedOver: false)
        }
        access = try secret(.access, running?.access)
        refresh = try secret(.refresh, running?.refresh)
        try Self.checkDifference(access, refresh)
    }

    /// Whether a daemon would find its secrets good; of those that lack it makes its own. Where the state folder may not be read, what would
    /// come from it is left out.
    /// - Throws: as `init`.
    static func check(_ configuration: Configuration) throws(StartFailure) {
        // Who is denied the folder itself is not who the daemon runs as.
        let state = configuration.state.flatMap { unsafe Glibc.access($0, X_OK) == 0 ? $0 : nil }
        let algorithm = configuration.tokens.algorithm
        let access = try Secret(.access, in: state, algorithm)
        let refresh = try Secret(.refresh, in: state, algorithm)
        if let access, let refresh { try checkDifference(access, refresh) }
    }

    private static func checkDifference(_ access: Secret, _ refresh: Secret) throws(StartFailure) {
        guard !(access.bytes.bytes == refresh.bytes.bytes) else {
            throw StartFailure(
                "The access secret (jwt-secret, JWT_SECRET) and the refresh secret (refresh-secret, REFRESH_TOKEN_SECRET) are the same: "
                    + "give each its own.")
        }
    }

    /// The names of those that differ from the others.
    func differences(from others: Secrets) -> [String] {
        [(SecretName.access, access, others.access), (.refresh, refresh, others.refresh)]
            .filter { !($0.1.bytes.bytes == $0.2.bytes.bytes) }.map(\.0.file)
    }

    /// Variables of the environment that hold a secret as well, but a credential came before.
    var ignored: [String] { [access, refresh].compactMap(\.ignored) }

    /// Where those come from that only a restart can change.
    var handedOver: [String] { [access, refresh].filter(\.isHandedOver).map(\.source) }

    /// Letters, so that it can be copied into another program's settings: 64 of them hold 384 bits, enough for every algorithm.
    private static func generated(by random: some RandomSource) -> SecretBytes {
        let length = 64
        let random = random.secret(count: length)
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        return unsafe SecretBytes(capacity: length) { target in
            random.withBytes { bytes in
                for index in bytes.indices { unsafe target[index] = letters[Int(bytes[index] & 0x3f)] }
                return bytes.count
            }
        }
    }
}
