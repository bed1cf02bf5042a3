public import UsherModel

extension InMemoryStore {
    /// Names of its accounts, which stand for all that it holds.
    public func makeCopy(audit: @escaping AuditNote<Void>) async throws(UsherError) -> Int {
        try perform { state throws(UsherError) in
            if let act = audit(()) { state.keep(act) }
            let copy = Array(state.usernames.keys.sorted().joined(separator: "\n").utf8)
            state.copy = copy
            return copy.count
        }
    }

    public func readCopy(at offset: Int, most: Int) async throws(UsherError) -> [UInt8] {
        try perform { state throws(UsherError) in
            guard let copy = state.copy else { throw .storeUnavailable(cause: "there is no copy") }
            return Array(copy.dropFirst(offset).prefix(most))
        }
    }

    public func dropCopy() async throws(UsherError) {
        try perform { state throws(UsherError) in state.copy = nil }
    }

    public func tokensBefore() async throws(UsherError) -> NumericDate? {
        try perform { state throws(UsherError) in state.tokensBefore }
    }

    /// What a restore does that ends all sessions.
    public func restore(tokensBefore moment: NumericDate) {
        _ = try? perform { state throws(UsherError) in
            state.sessions = [:]
            state.tokensBefore = moment
        }
    }

    /// Whether there is a copy.
    public var hasCopy: Bool { (try? perform { state throws(UsherError) in state.copy != nil }) ?? false }
}
