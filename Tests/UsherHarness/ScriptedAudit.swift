public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func acts(_ query: AuditQuery) async throws(UsherError) -> AuditPage {
        try await perform(.acts) { () async throws(UsherError) in try await inner.acts(query) }
    }

    public func pruneActs(before: NumericDate, keeping kept: Int, most: Int) async throws(UsherError) -> Bool {
        try await perform(.pruneActs) { () async throws(UsherError) in
            try await inner.pruneActs(before: before, keeping: kept, most: most)
        }
    }
}
