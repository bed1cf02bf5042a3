import UsherModel

extension Transaction {
    func changePassword(
        of user: UserID, from verified: PasswordHash, to hash: PasswordHash, keeping kept: SessionID, at now: NumericDate
    ) throws(StoreFault) -> [Revocation]? {
        guard let account = try account(user) else { throw .refused(UsherError(.tokenRevoked)) }
        guard !account.isDisabled else { throw .refused(UsherError(.accountDisabled)) }
        guard account.passwordHash == verified else { return nil }
        try setPassword(of: account, to: hash)
        return try endSessions(of: user, but: kept, at: now)
    }

    func resetPassword(by digest: String, to hash: PasswordHash, at now: NumericDate) throws(StoreFault) -> PasswordReset {
        let account = try account(holding: digest, at: now)
        var user = account.user
        try setPassword(of: account, to: hash)
        // Whoever enrolled it was perhaps not whom the email belongs to.
        if try !hasBeenConfirmed(user) { try removeSecondFactor(of: user.id) }
        try confirmEmail(of: user.id)
        try forgetAddresses(of: user.id)
        user.emailVerified = true
        return PasswordReset(user: user, ended: try endSessions(of: user.id, at: now))
    }

    /// Whether the present email of the account, or one before it, was ever confirmed.
    private func hasBeenConfirmed(_ user: User) throws(StoreFault) -> Bool {
        let isBefore = try database.first("SELECT confirmed_before FROM users WHERE id = ?", [.id(user.id.uuid)]) {
            row throws(StoreFault) in row.flag()
        }
        return user.emailVerified || isBefore == true
    }

    /// What could reset the password before cannot reset the new one.
    func setPassword(of account: Account, to hash: PasswordHash) throws(StoreFault) {
        let id = account.user.id
        try database.run("UPDATE users SET password_hash = ? WHERE id = ?", [.text(hash.text), .id(id.uuid)])
        try count(account.passwordHash, -1)
        try count(hash, 1)
        try voidTokens(of: id, for: .reset)
    }
}
