public import UsherModel

extension InMemoryStore {
    public func account(_ id: UserID) async throws(UsherError) -> Account? {
        try perform { state throws(UsherError) in state.accounts[id] }
    }

    public func edit(
        _ id: UserID, until: NumericDate, _ change: @escaping @Sendable (inout Account) throws(UsherError) -> Void
    ) async throws(UsherError) -> EditedAccount? {
        try perform { state throws(UsherError) in try state.edit(id, until: until, change) }
    }

    public func delete(
        _ id: UserID, verified: PasswordHash?, until: NumericDate, audit: AuditNote<DeletedAccount?>?
    ) async throws(UsherError) -> DeletedAccount? {
        try perform(audit) { state throws(UsherError) in
            guard let record = state.record(id), verified == nil || record.account.passwordHash == verified else { return nil }
            let revocation = state.refuseTokens(of: id, before: Revocation.deleted, until)
            state.remove(record.user)
            state.sessions = state.sessions.filter { $0.value.session.user != id }
            state.knownAddresses[id] = nil
            state.secondFactors[id] = nil
            state.confirmedBefore.remove(id)
            state.tokens.removeAll { $0.user == id }
            return DeletedAccount(record: record, revocation: revocation)
        }
    }

    public func sessions(of user: UserID, at now: NumericDate) async throws(UsherError) -> [Session] {
        try perform { state throws(UsherError) in
            state.sessions.values
                .filter { $0.session.user == user && !$0.isEnded && $0.session.expiresAt > now }
                .sorted { ($0.session.rotatedService, $0.serial) > ($1.session.rotatedService, $1.serial) }
                .map(\.session)
        }
    }
}

extension InMemoryStore.State {
    mutating func edit(
        _ id: UserID, until: NumericDate, _ change: (inout Account) throws(UsherError) -> Void
    ) throws(UsherError) -> EditedAccount? {
        guard let old = accounts[id] else { return nil }
        var new = old
        try change(&new)
        if usernames[new.user.username.folded].map({ $0 != id }) ?? false {
            throw UsherError(.accountExists, detail: .field("username"))
        }
        if emails[new.user.email.folded].map({ $0 != id }) ?? false {
            throw UsherError(.accountExists, detail: .field("email"))
        }
        var revocation: Revocation?
        if new.outdatesTokens(of: old) {
            new.user.version += 1
            revocation = refuseTokens(of: id, before: new.user.version, until)
        }
        remove(old.user)
        usernames[new.user.username.folded] = id
        emails[new.user.email.folded] = id
        accounts[id] = new
        if new.user.email.folded != old.user.email.folded { tokens.removeAll { $0.user == id } }
        if old.user.emailVerified { confirmedBefore.insert(id) }
        return EditedAccount(account: new, revocation: revocation)
    }

    fileprivate mutating func remove(_ user: User) {
        accounts[user.id] = nil
        usernames[user.username.folded] = nil
        emails[user.email.folded] = nil
    }

    fileprivate mutating func refuseTokens(of user: UserID, before version: Int64, _ until: NumericDate) -> Revocation {
        let last = sessions.values.filter { $0.session.user == user }.map(\.session.accessUntil).max() ?? 0
        let revocation = Revocation(kind: .user, id: user.description, until: max(until, last), version: version)
        _ = revoke(revocation)
        return revocation
    }
}
