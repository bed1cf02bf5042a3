import Glibc
import UsherModel
import UsherSystemd

/// What one of the secrets is called.
struct SecretName {
    /// Of the credential, and in the state folder.
    let file: String
    let variable: String

    static let access = SecretName(file: "jwt-secret", variable: "JWT_SECRET")
    static let refresh = SecretName(file: "refresh-secret", variable: "REFRESH_TOKEN_SECRET")
    static let data = SecretName(file: "data-key", variable: "USHER_DATA_KEY")
}

/// How long a secret must be.
struct SecretNeed {
    /// Bytes, at least.
    let length: Int
    /// The algorithm that says so.
    let reader: String

    /// RFC 7518 §3.2: a key as long as the hash.
    init(_ algorithm: MACAlgorithm) { (length, reader) = (algorithm.hashLength, algorithm.rawValue) }

    private init(length: Int, reader: String) { (self.length, self.reader) = (length, reader) }

    static let data = SecretNeed(length: 32, reader: "AES-256")
}

/// A secret that was found.
struct Secret: Sendable {
    let bytes: SharedSecret
    /// Where, in words.
    let source: String
    /// Whether it came with the start of the process, and no later one can.
    let isHandedOver: Bool
    /// The variable of the environment that holds one as well, which is not used.
    var ignored: String?
    /// Whether it was made just now, since there was none.
    var isNew = false
}

extension Secret {
    /// Nil where there is none.
    /// - Parameter state: the state folder, if that is to be looked at.
    /// - Throws: what is wrong with it.
    init?(_ name: SecretName, in state: String?, _ need: SecretNeed) throws(StartFailure) {
        // It leaves the environment, whether it is used or not.
        let given = Self.takenFromEnvironment(name.variable)
        if let bytes = try Self.read(
            "credential \(name.file)", { () throws(UsherError) in try Credentials.ofProcess().secret(named: name.file) })
        {
            self.init(bytes: SharedSecret(bytes), source: "the credential \(name.file)", isHandedOver: true)
            if let given, given.count > 0 { ignored = name.variable }
        } else if let bytes = given {
            self.init(bytes: SharedSecret(bytes), source: "the environment's \(name.variable)", isHandedOver: true)
        } else if let file = state.map({ "\($0)/\(name.file)" }),
            let bytes = try Self.read(file, { () throws(UsherError) in try SecretFile.read(file, of: .administrator) })
        {
            self.init(bytes: SharedSecret(bytes), source: file, isHandedOver: false)
        } else {
            return nil
        }
        try check(need)
    }

    /// - Throws: when it is too short, or no text.
    func check(_ need: SecretNeed) throws(StartFailure) {
        let source = source.hasPrefix("the ") ? "T" + source.dropFirst() : source
        guard bytes.bytes.count >= need.length else {
            throw StartFailure(
                "\(source) has \(bytes.bytes.count) bytes; \(need.reader) needs at least \(need.length). "
                    + "Make one with: openssl rand -base64 48")
        }
        guard !bytes.bytes.contains(0) else {
            throw StartFailure("\(source) contains a NUL byte: it was cut short or is no text.")
        }
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
}
