public import UsherModel

extension InMemoryStore {
    /// What happens to what is staged when a store is opened anew.
    public func forgetStage() { _ = try? perform { state throws(UsherError) in state.staged = [] } }

    public func clearStage() async throws(UsherError) {
        try perform { state throws(UsherError) in state.staged = [] }
    }

    public func stage(_ accounts: [StagedAccount]) async throws(UsherError) -> Int {
        try perform { state throws(UsherError) in
            var staged = state.staged
            for one in accounts {
                if let field = state.field(takenFrom: one.account.user) { throw .taken(field, line: one.line) }
                if state.versions[InMemoryStore.Key(kind: .user, id: one.account.user.id.description)] != nil {
                    throw .taken("id", line: one.line)
                }
                for other in staged {
                    guard let field = one.account.user.field(sharedWith: other.account.user) else { continue }
                    throw .taken(field, line: one.line, other: other.line)
                }
                staged.append(one)
            }
            state.staged = staged
            return staged.count
        }
    }

    public func commitStage(of count: Int, audit: @escaping AuditNote<StageOutcome>) async throws(UsherError) -> StageOutcome {
        try perform(audit) { state throws(UsherError) in
            defer { state.staged = [] }
            guard state.staged.count == count else { return .otherCount(state.staged.count) }
            for one in state.staged.sorted(by: { $0.line < $1.line }) {
                if let field = state.field(takenFrom: one.account.user) { return .taken(line: one.line, field: field) }
            }
            for one in state.staged {
                let user = one.account.user
                state.accounts[user.id] = one.account
                state.usernames[user.username.folded] = user.id
                state.emails[user.email.folded] = user.id
            }
            return .committed
        }
    }

    public func accounts(
        after id: UserID?, most: Int, bytes: Int, audit: @escaping AuditNote<AccountPage>
    ) async throws(UsherError) -> AccountPage {
        try perform(audit) { state throws(UsherError) in
            let all = state.accounts.values.filter { account in id.map { $0.uuid < account.user.id.uuid } ?? true }
                .sorted { $0.user.id.uuid < $1.user.id.uuid }
            var page: [Account] = []
            var size = 0
            for account in all.prefix(most) {
                guard size < bytes else { break }
                size += account.size
                page.append(account)
            }
            return AccountPage(accounts: page, hasMore: page.count < all.count)
        }
    }
}

extension InMemoryStore.State {
    fileprivate func field(takenFrom user: User) -> String? {
        takenField(username: user.username, email: user.email) ?? (accounts[user.id] == nil ? nil : "id")
    }
}

extension User {
    fileprivate func field(sharedWith other: User) -> String? {
        if username.folded == other.username.folded { return "username" }
        if email.folded == other.email.folded { return "email" }
        return id == other.id ? "id" : nil
    }
}
