/// A permission that is granted. One that ends in `:*` grants all that is below it: `user:*` grants `user:delete` and
/// `user:avatar:edit`, not `user` nor `users:delete`. A `*` anywhere else stands for itself.
public struct Permission: Sendable, Equatable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    /// - Throws: `invalid_field` of `permissions`, for one that is empty or a bare `*`.
    public init(granting raw: String) throws(UsherError) {
        guard !raw.isEmpty, raw != "*" else {
            throw .invalidField(
                "permissions", "A permission is a word such as post:edit or user:*; a bare '*' cannot be granted.")
        }
        text = raw
    }

    /// Takes over what an earlier parse let into the store.
    public init(stored text: String) { self.text = text }

    /// Whether the granted permission `granted` covers `asked`, in which a `*` is literal.
    public static func isCovered(_ asked: Span<UInt8>, by granted: Span<UInt8>) -> Bool {
        let count = granted.count
        let isPattern = count > 2 && granted[count - 1] == UInt8(ascii: "*") && granted[count - 2] == UInt8(ascii: ":")
        // A pattern covers what begins with it, without its `*`, and goes on.
        let prefix = isPattern ? count - 1 : count
        guard isPattern ? asked.count > prefix : asked.count == prefix else { return false }
        for index in 0..<prefix where asked[index] != granted[index] { return false }
        return true
    }
}
