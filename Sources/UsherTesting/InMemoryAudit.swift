public import UsherModel

extension InMemoryStore {
    public func acts(_ query: AuditQuery) async throws(UsherError) -> AuditPage {
        try perform { state throws(UsherError) in
            var page = GatheredActs(query)
            for act in state.acts.reversed() where query.before.map({ act.id < $0 }) ?? true { page.take(act) }
            return page.page
        }
    }

    public func pruneActs(before: NumericDate, keeping kept: Int, most: Int) async throws(UsherError) -> Bool {
        try perform { state throws(UsherError) in
            let old = state.acts.filter { $0.entry.at < before }.prefix(most).map(\.id)
            state.acts.removeAll { old.contains($0.id) }
            let excess = min(max(state.acts.count - kept, 0), most)
            state.acts.removeFirst(excess)
            return old.count == most || excess == most
        }
    }
}

extension InMemoryStore.State {
    mutating func keep(_ act: AuditEntry) {
        lastAct += 1
        acts.append(AuditRecord(id: lastAct, entry: act))
    }
}
