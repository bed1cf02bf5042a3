public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func makeCopy(audit: @escaping AuditNote<Void>) async throws(UsherError) -> Int {
        try await perform(.makeCopy) { () async throws(UsherError) in try await inner.makeCopy(audit: audit) }
    }

    public func readCopy(at offset: Int, most: Int) async throws(UsherError) -> [UInt8] {
        try await perform(.readCopy) { () async throws(UsherError) in try await inner.readCopy(at: offset, most: most) }
    }

    public func dropCopy() async throws(UsherError) {
        try await perform(.dropCopy) { () async throws(UsherError) in try await inner.dropCopy() }
    }

    public func tokensBefore() async throws(UsherError) -> NumericDate? {
        try await perform(.tokensBefore) { () async throws(UsherError) in try await inner.tokensBefore() }
    }
}
