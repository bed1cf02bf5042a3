import Glibc
import UsherModel
import UsherSystemd

/// The two signing secrets and the data key: from systemd's credentials, else the environment, else the state folder, where they are made once.
struct Secrets: ~Copyable {
    let access: SecretBytes
    let refresh: SecretBytes
    /// What secrets in the store are encrypted under. Another one than those above: it is kept when they are replaced.
    let data: SecretBytes

    /// - Throws: which secret is wrong, where it came from, and why.
    init(state: StateFolder, algorithm: MACAlgorithm, random: some RandomSource) throws(StartFailure) {
        // RFC 7518 §3.2: a key as long as the hash, at least.
        let (needs, reader) = (algorithm.hashLength, algorithm.rawValue)
        let access = try Self.secret("jwt-secret", "JWT_SECRET", state, needs, reader, random)
        let refresh = try Self.secret("refresh-secret", "REFRESH_TOKEN_SECRET", state, needs, reader, random)
        let data = try Self.secret("data-key", "USHER_DATA_KEY", state, Self.dataKeyLength, "AES-256", random)
        guard !(access == refresh) else {
            throw StartFailure(
                "The access secret (jwt-secret, JWT_SECRET) and the refresh secret (refresh-secret, REFRESH_TOKEN_SECRET) are the same: "
                    + "give each its own.")
        }
        guard !(data == access), !(data == refresh) else {
            throw StartFailure(
                "The data key (data-key, USHER_DATA_KEY) is the same as the access or the refresh secret: give it its own, "
                    + "so that those can be replaced without it.")
        }
        self.access = access
        self.refresh = refresh
        self.data = data
    }

    /// The least length of the data key, in bytes.
    private static let dataKeyLength = 32

    /// What a generated secret is made of, in bytes: enough for every algorithm.
    private static let generatedLength = 64

    private static func secret(
        _ name: String, _ variable: String, _ state: StateFolder, _ needs: Int, _ reader: String, _ random: some RandomSource
    ) throws(StartFailure) -> SecretBytes {
        if let secret = try read(
            "credential \(name)", { () throws(UsherError) in try Credentials.ofProcess().secret(named: name) })
        {
            return try checked(secret, "The credential \(name)", needs, reader)
        }
        if let secret = fromEnvironment(variable) { return try checked(secret, "The environment's \(variable)", needs, reader) }
        let file = "\(state.path)/\(name)"
        if let secret = try read(file, { () throws(UsherError) in try SecretFile.read(file) }) {
            return try checked(secret, file, needs, reader)
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

    private static func read(
        _ source: String, _ read: () throws(UsherError) -> SecretBytes?
    ) throws(StartFailure) -> SecretBytes? {
        do throws(UsherError) {
            return try read()
        } catch {
            throw StartFailure("\(source): \(error.cause ?? error.message).")
        }
    }

    /// Copies it out of the environment, and overwrites it there: children and /proc/PID/environ are not to show it.
    private static func fromEnvironment(_ variable: String) -> SecretBytes? {
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

    /// - Parameters:
    ///   - needs: the least bytes that it must have.
    ///   - reader: the algorithm that says so.
    private static func checked(
        _ secret: consuming SecretBytes, _ source: String, _ needs: Int, _ reader: String
    ) throws(StartFailure) -> SecretBytes {
        guard secret.count >= needs else {
            throw StartFailure(
                "\(source) has \(secret.count) bytes; \(reader) needs at least \(needs). "
                    + "Make one with: openssl rand -base64 48")
        }
        guard !secret.contains(0) else { throw StartFailure("\(source) contains a NUL byte: it was cut short or is no text.") }
        return secret
    }
}
