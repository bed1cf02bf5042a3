import Glibc
import UsherModel
import UsherSystemd

/// The two signing secrets: from systemd's credentials, else the environment, else the state folder, where they are made once.
struct Secrets: ~Copyable {
    let access: SecretBytes
    let refresh: SecretBytes
    /// Variables of the environment that hold a secret as well, but a credential came before.
    let ignored: [String]

    /// Both leave the environment, whether they are used or not.
    /// - Throws: which secret is wrong, where it came from, and why.
    init(state: StateFolder, algorithm: MACAlgorithm, random: some RandomSource) throws(StartFailure) {
        var ignored: [String] = []
        let access = try Self.secret("jwt-secret", "JWT_SECRET", state, algorithm, random, &ignored)
        let refresh = try Self.secret("refresh-secret", "REFRESH_TOKEN_SECRET", state, algorithm, random, &ignored)
        guard !(access == refresh) else {
            throw StartFailure(
                "The access secret (jwt-secret, JWT_SECRET) and the refresh secret (refresh-secret, REFRESH_TOKEN_SECRET) are the same: "
                    + "give each its own.")
        }
        self.access = access
        self.refresh = refresh
        self.ignored = ignored
    }

    /// What a generated secret is made of, in bytes: enough for every algorithm.
    private static let generatedLength = 64

    private static func secret(
        _ name: String, _ variable: String, _ state: StateFolder, _ algorithm: MACAlgorithm, _ random: some RandomSource,
        _ ignored: inout [String]
    ) throws(StartFailure) -> SecretBytes {
        let given = takenFromEnvironment(variable)
        if let secret = try read({ () throws(UsherError) in try Credentials.ofProcess().secret(named: name) }) {
            if let given, given.count > 0 { ignored.append(variable) }
            return try checked(secret, "The credential \(name)", algorithm)
        }
        if let given { return try checked(given, "The environment's \(variable)", algorithm) }
        let file = "\(state.path)/\(name)"
        if let secret = try read({ () throws(UsherError) in try SecretFile.read(file, of: .administrator) }) {
            return try checked(secret, file, algorithm)
        }
        // Letters, so that it can be copied into another program's settings: 64 of them hold 384 bits.
        let random = random.secret(count: generatedLength)
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let secret = unsafe SecretBytes(capacity: generatedLength) { target in
            random.withBytes { bytes in
                for index in bytes.indices { unsafe target[index] = letters[Int(bytes[index] & 0x3f)] }
                return bytes.count
            }
        }
        try state.create(name, secret)
        return secret
    }

    private static func read(_ read: () throws(UsherError) -> SecretBytes?) throws(StartFailure) -> SecretBytes? {
        do throws(UsherError) {
            return try read()
        } catch {
            throw StartFailure("A secret cannot be used: \(error.cause ?? error.message).")
        }
    }

    /// Copies it out of the environment, and overwrites it there: children and /proc/PID/environ are not to show it.
    private static func takenFromEnvironment(_ variable: String) -> SecretBytes? {
        guard let value = unsafe getenv(variable) else { return nil }
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: value, count: strlen(value))
        let secret = unsafe SecretBytes(capacity: bytes.count) { target in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(bytes))
            return bytes.count
        }
        unsafe cleanse(bytes)
        unsafe unsetenv(variable)
        return secret
    }

    /// RFC 7518 §3.2: a key as long as the hash, at least.
    private static func checked(
        _ secret: consuming SecretBytes, _ source: String, _ algorithm: MACAlgorithm
    ) throws(StartFailure) -> SecretBytes {
        guard secret.count >= algorithm.hashLength else {
            throw StartFailure(
                "\(source) has \(secret.count) bytes; \(algorithm.rawValue) needs at least \(algorithm.hashLength). "
                    + "Make one with: openssl rand -base64 48")
        }
        guard !secret.contains(0) else { throw StartFailure("\(source) contains a NUL byte: it was cut short or is no text.") }
        return secret
    }
}
