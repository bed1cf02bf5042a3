public import UsherModel

extension InMemoryStore {
    public func find(_ key: AccountKey) async throws(UsherError) -> AccountRecord? {
        try perform { state throws(UsherError) in
            let id: UserID? =
                switch key {
                case .id(let id): id
                case .name(.username(let username)): state.usernames[username.folded]
                case .name(.email(let email)): state.emails[email.folded]
                }
            return id.flatMap { state.record($0) }
        }
    }

    public func administer(
        _ id: UserID, at now: NumericDate, until: NumericDate, audit: @escaping AuditNote<AdministeredAccount?>,
        _ change: @escaping @Sendable (inout AccountRecord) throws(UsherError) -> Void
    ) async throws(UsherError) -> AdministeredAccount? {
        try perform(audit) { state throws(UsherError) in
            guard let before = state.record(id) else { return nil }
            var after = before
            let edited = try state.edit(id, until: until) { account throws(UsherError) in
                try change(&after)
                account = after.account
            }
            if before.hasSecondFactor, !after.hasSecondFactor { state.secondFactors[id] = nil }
            var revocations = edited?.revocation.map { [$0] } ?? []
            if after.account.passwordHash != before.account.passwordHash {
                state.setPassword(of: id, to: after.account.passwordHash)
                revocations += state.endSessions(of: id, at: now)
            }
            return state.record(id).map { AdministeredAccount(before: before, after: $0, revocations: revocations) }
        }
    }

    public func users(_ query: UserQuery) async throws(UsherError) -> UserPage {
        try perform { state throws(UsherError) in
            let all = state.accounts.values.filter(query.admits).compactMap { state.record($0.user.id) }
            guard let search = query.search?.lowercased() else {
                let ids = all.sorted { $0.user.id.uuid < $1.user.id.uuid }.map { (key: AccountKey.id($0.user.id), record: $0) }
                return query.page(of: ids)
            }
            let byUsername = all.filter { $0.user.username.folded.hasPrefix(search) }
                .sorted { $0.user.username.folded < $1.user.username.folded }
            let byEmail = all.filter { $0.user.email.folded.hasPrefix(search) && !$0.user.username.folded.hasPrefix(search) }
                .sorted { $0.user.email.folded < $1.user.email.folded }
            return query.page(
                of: byUsername.map { (.name(.username($0.user.username)), $0) }
                    + byEmail.map { (.name(.email($0.user.email)), $0) })
        }
    }
}

extension InMemoryStore.State {
    func record(_ id: UserID) -> AccountRecord? {
        accounts[id].map { AccountRecord(account: $0, hasSecondFactor: secondFactors[id]?.isInForce ?? false) }
    }
}

extension UserQuery {
    /// - Parameter users: all, in their order.
    fileprivate func page(of users: [(key: AccountKey, record: AccountRecord)]) -> UserPage {
        let rest = users.drop { user in after.map { user.key.isUp(to: $0) } ?? false }
        var page: [AccountRecord] = []
        var size = 0
        for user in rest.prefix(most) {
            guard size < bytes else { break }
            size += user.record.account.size
            page.append(user.record)
        }
        let hasMore = page.count < rest.count
        return UserPage(users: page, next: hasMore ? rest.dropFirst(page.count - 1).first?.key : nil)
    }
}

extension AccountKey {
    /// Whether it comes no later than another one.
    fileprivate func isUp(to other: AccountKey) -> Bool {
        switch (self, other) {
        case (.id(let one), .id(let other)): one.uuid <= other.uuid
        case (.name(.username), .name(.email)): true
        case (.name(.username(let one)), .name(.username(let other))): one.folded <= other.folded
        case (.name(.email(let one)), .name(.email(let other))): one.folded <= other.folded
        case (.id, .name), (.name, .id), (.name(.email), .name(.username)): false
        }
    }
}
