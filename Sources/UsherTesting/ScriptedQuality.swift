public import UsherModel
import UsherThreads

/// Judges passwords by what it was told, and takes all others. Remembers whose it was asked about.
public final class ScriptedQuality: PasswordQuality {
    private let state = Lock((verdicts: [[UInt8]: Result<PasswordWeakness?, UsherError>](), owners: [PasswordOwner]()))

    public init() {}

    /// From now on this password is judged so.
    public func judge(_ password: String, _ verdict: Result<PasswordWeakness?, UsherError>) {
        state.withLock { $0.verdicts[Array(password.utf8)] = verdict }
    }

    public var owners: [PasswordOwner] { state.withLock { $0.owners } }

    public func weakness(of password: borrowing SecretBytes, owner: PasswordOwner) throws(UsherError) -> PasswordWeakness? {
        let text = password.withBytes { bytes in bytes.indices.map { bytes[$0] } }
        let verdict = state.withLock { state in
            state.owners.append(owner)
            return state.verdicts[text]
        }
        return try verdict?.get()
    }
}
