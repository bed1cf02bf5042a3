import Glibc
import UsherModel
import UsherSystemd

/// The two signing secrets and the data key: from systemd's credentials, else the environment, else the state folder, where they are made once.
struct Secrets: Sendable {
    let access: Secret
    let refresh: Secret
    /// What secrets in the store are encrypted under. It outlives those above, and stays what it is while the daemon runs.
    let data: Secret
    /// The names of those whose files hold another one, which only a restart takes.
    let pending: [String]

    /// - Parameter running: those that are in force, when files are read anew: what was handed over at start is kept.
    /// - Throws: which secret is wrong, where it came from, and why.
    init(
        state: StateFolder, algorithm: MACAlgorithm, random: some RandomSource, running: Secrets? = nil
    ) throws(StartFailure) {
        func secret(_ name: SecretName, _ need: SecretNeed, _ running: Secret?) throws(StartFailure) -> Secret {
            if let running, running.isHandedOver {
                try running.check(need)
                return running
            }
            if let found = try Secret(name, in: state.path, need) { return found }
            // Made anew, it would void every token, and nobody would have asked for that.
            if let running { throw .gone(running.source) }
            let made = Self.generated(by: random)
            try state.create(name.file, made)
            return Secret(bytes: SharedSecret(made), source: "\(state.path)/\(name.file)", isHandedOver: false, isNew: true)
        }
        access = try secret(.access, SecretNeed(algorithm), running?.access)
        refresh = try secret(.refresh, SecretNeed(algorithm), running?.refresh)
        let found = try secret(.data, .data, running?.data)
        try Self.checkDifferences(access, refresh, found)
        data = running?.data ?? found
        pending = data.bytes.bytes == found.bytes.bytes ? [] : [SecretName.data.file]
        if !pending.isEmpty { try Self.checkDifferences(access, refresh, data) }
    }

    /// Whether a daemon would find its secrets good. Where the state folder may not be read, what would come from it is left out.
    /// - Parameter isRunning: whether that daemon runs. Otherwise it makes those that lack.
    /// - Throws: as `init`.
    static func check(_ configuration: Configuration, isRunning: Bool) throws(StartFailure) {
        // Who is denied the folder itself is not who the daemon runs as.
        let state = configuration.state.flatMap { unsafe Glibc.access($0, X_OK) == 0 ? $0 : nil }
        let need = SecretNeed(configuration.tokens.algorithm)
        func secret(_ name: SecretName, _ need: SecretNeed) throws(StartFailure) -> Secret? {
            if let found = try Secret(name, in: state, need) { return found }
            if isRunning, let state { throw .gone("\(state)/\(name.file)") }
            return nil
        }
        let access = try secret(.access, need)
        let refresh = try secret(.refresh, need)
        try checkDifferences(access, refresh, try secret(.data, .data))
    }

    private static func checkDifferences(_ access: Secret?, _ refresh: Secret?, _ data: Secret?) throws(StartFailure) {
        func isSame(_ one: Secret?, _ other: Secret?) -> Bool {
            guard let one, let other else { return false }
            return one.bytes.bytes == other.bytes.bytes
        }
        guard !isSame(access, refresh) else {
            throw StartFailure(
                "The access secret (jwt-secret, JWT_SECRET) and the refresh secret (refresh-secret, REFRESH_TOKEN_SECRET) are the same: "
                    + "give each its own.")
        }
        guard !isSame(data, access), !isSame(data, refresh) else {
            throw StartFailure(
                "The data key (data-key, USHER_DATA_KEY) is the same as the access or the refresh secret: give it its own, "
                    + "so that those can be replaced without it.")
        }
    }

    /// The names of those that differ from the others.
    func differences(from others: Secrets) -> [String] {
        [(SecretName.access, access, others.access), (.refresh, refresh, others.refresh)]
            .filter { !($0.1.bytes.bytes == $0.2.bytes.bytes) }.map(\.0.file)
    }

    /// Those that were made just now.
    var made: [String] { [access, refresh, data].filter(\.isNew).map(\.source) }

    /// Variables of the environment that hold a secret as well, but a credential came before.
    var ignored: [String] { [access, refresh, data].compactMap(\.ignored) }

    /// Where those come from that only a restart can change.
    var handedOver: [String] { [access, refresh, data].filter(\.isHandedOver).map(\.source) }

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

extension StartFailure {
    fileprivate static func gone(_ source: String) -> StartFailure {
        StartFailure("\(source) is gone: put it back, or restart the daemon to have a new one made.")
    }
}
