public import UsherModel

extension Schema {
    /// How often what an account's tokens say has changed, and which versions are refused.
    static let accountVersions: [StaticString] = [
        "ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE revocations ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
    ]

    /// Whether an email was confirmed that has been changed since.
    static let formerEmails: [StaticString] = ["ALTER TABLE users ADD COLUMN confirmed_before INTEGER NOT NULL DEFAULT 0"]
}

extension SQLiteStore {
    public func account(_ id: UserID) async throws(UsherError) -> Account? {
        try await perform { transaction throws(StoreFault) in try transaction.account(id) }
    }

    public func edit(
        _ user: UserID, until: NumericDate, _ change: @escaping @Sendable (inout Account) throws(UsherError) -> Void
    ) async throws(UsherError) -> EditedAccount? {
        try await perform { transaction throws(StoreFault) in try transaction.edit(user, until: until, change) }
    }

    public func delete(
        _ user: UserID, verified: PasswordHash?, until: NumericDate, audit: AuditNote<DeletedAccount?>?
    ) async throws(UsherError) -> DeletedAccount? {
        try await perform(audit) { transaction throws(StoreFault) in
            try transaction.delete(user, verified: verified, until: until)
        }
    }

    public func sessions(of user: UserID, at now: NumericDate) async throws(UsherError) -> [Session] {
        try await perform { transaction throws(StoreFault) in try transaction.sessions(of: user, at: now) }
    }
}

extension Transaction {
    func edit(
        _ id: UserID, until: NumericDate, _ change: (inout Account) throws(UsherError) -> Void
    ) throws(StoreFault) -> EditedAccount? {
        guard let old = try account(id) else { return nil }
        var new = old
        do throws(UsherError) { try change(&new) } catch { throw .refused(error) }
        let isOutdating = new.outdatesTokens(of: old)
        guard isOutdating || new != old else { return EditedAccount(account: old, revocation: nil) }
        if let field = try field(takenFrom: id, by: new.user, since: old.user) {
            throw .refused(UsherError(.accountExists, detail: .field(field)))
        }
        if isOutdating { new.user.version += 1 }
        let user = new.user
        try database.run(
            """
            UPDATE users SET username = ?, username_folded = ?, email = ?, email_folded = ?, role = ?, permissions = ?, claims = ?,
                confirmed_before = max(confirmed_before, email_verified), email_verified = ?, disabled = ?, version = ?
            WHERE id = ?
            """,
            [
                .text(user.username.text), .text(user.username.folded), .text(user.email.text), .text(user.email.folded),
                .text(user.role), .text(PermissionList.write(user.permissions)), .text(user.claims), .flag(user.emailVerified),
                .flag(new.isDisabled), .integer(user.version), .id(id.uuid),
            ])
        if user.email.folded != old.user.email.folded {
            for purpose in TokenPurpose.allCases { try voidTokens(of: id, for: purpose) }
        }
        guard isOutdating else { return EditedAccount(account: new, revocation: nil) }
        return EditedAccount(account: new, revocation: try refuseTokens(of: id, before: user.version, until))
    }

    /// The first of `username` and `email` that is new and another account has.
    private func field(takenFrom id: UserID, by user: User, since old: User) throws(StoreFault) -> String? {
        let holders: [(field: String, isNew: Bool, name: LoginName)] = [
            ("username", user.username.folded != old.username.folded, .username(user.username)),
            ("email", user.email.folded != old.email.folded, .email(user.email)),
        ]
        for holder in holders where holder.isNew {
            if try account(holder.name) != nil { return holder.field }
        }
        return nil
    }

    fileprivate func delete(_ id: UserID, verified: PasswordHash?, until: NumericDate) throws(StoreFault) -> DeletedAccount? {
        guard let record = try find(.id(id)), verified == nil || record.account.passwordHash == verified else { return nil }
        let revocation = try refuseTokens(of: id, before: Revocation.deleted, until)
        try database.run("DELETE FROM sessions WHERE user = ?", [.id(id.uuid)])
        try removeSecondFactor(of: id)
        // What else there is of the user goes with the row (ON DELETE CASCADE).
        try database.run("DELETE FROM users WHERE id = ?", [.id(id.uuid)])
        try count(record.account.passwordHash, -1)
        return DeletedAccount(record: record, revocation: revocation)
    }

    /// Keeps the revocation for as long as any token of the user may live.
    private func refuseTokens(of user: UserID, before version: Int64, _ until: NumericDate) throws(StoreFault) -> Revocation {
        let last = try database.first("SELECT max(access_until) FROM sessions WHERE user = ?", [.id(user.uuid)]) {
            row throws(StoreFault) in try row.optionalInteger()
        }
        let revocation = Revocation(
            kind: .user, id: user.description, until: max(until, (last ?? nil) ?? 0), version: version)
        _ = try revoke(revocation)
        return revocation
    }
}
