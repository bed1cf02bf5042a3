/// The port to encryption at rest, under a key that is not in the store.
public protocol SecretSeal: Sendable {
    /// Encrypts a secret so that it opens for this user alone.
    /// - Throws: `internal` when the library fails.
    func seal(_ secret: borrowing SecretBytes, for user: UserID) throws(UsherError) -> [UInt8]
    /// - Throws: `internal`, with a cause, for what was sealed under another key or for another user, or was changed since.
    func open(_ sealed: [UInt8], for user: UserID) throws(UsherError) -> SecretBytes
}
