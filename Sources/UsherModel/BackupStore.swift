/// The part of the store that makes a copy of all that it holds, while it goes on. It keeps one copy at a time.
public protocol BackupStore: Sendable {
    /// Makes a copy that has all that was acknowledged before the call, as it is at one moment until the call returns. Others have their turn
    /// meanwhile. It takes the place of the copy before. What is kept of it is in the copy, and is kept even if no copy comes of it.
    /// - Returns: its size in bytes.
    /// - Throws: `store_unavailable`, with a message for the administrator where there is no room for it: then nothing is left of it.
    func makeCopy(audit: @escaping AuditNote<Void>) async throws(UsherError) -> Int

    /// Bytes of the copy from `offset` on: `most` of them, or as many as there are.
    /// - Throws: `store_unavailable` if there is no copy.
    func readCopy(at offset: Int, most: Int) async throws(UsherError) -> [UInt8]

    /// Gives back what the copy takes up.
    func dropCopy() async throws(UsherError)

    /// The time before which no access token was issued that is good: that of the last restore. Nil if there was none.
    func tokensBefore() async throws(UsherError) -> NumericDate?
}
