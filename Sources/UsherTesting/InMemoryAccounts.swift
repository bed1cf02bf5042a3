public import UsherModel

extension InMemoryStore {
    struct Token: Sendable {
        let stored: StoredToken
        let user: UserID
        let email: Email
    }

    // MARK: OneTimeTokenStore

    public func issue(_ token: StoredToken, to recipient: TokenRecipient) async throws(UsherError) -> User? {
        try perform { state throws(UsherError) in
            let id =
                switch recipient {
                case .user(let id): id as UserID?
                case .email(let email): state.emails[email.folded]
                }
            guard let account = id.flatMap({ state.accounts[$0] }), account.mayHaveToken(for: token.purpose) else { return nil }
            let user = account.user
            state.tokens.append(Token(stored: token, user: user.id, email: user.email))
            let same = state.tokens.filter { $0.user == user.id && $0.stored.purpose == token.purpose }
            let late = Set(same.dropLast(Limits.oneTimeTokens).map(\.stored.digest))
            state.tokens.removeAll { late.contains($0.stored.digest) }
            return user
        }
    }

    public func oneTimeToken(_ digest: String) async throws(UsherError) -> FoundToken? {
        try perform { state throws(UsherError) in state.found(digest) }
    }

    public func confirmEmail(by digest: String, at now: NumericDate) async throws(UsherError) -> User {
        try perform { state throws(UsherError) in
            let account = try FoundToken.account(of: state.found(digest), at: now)
            return state.confirmEmail(of: account.user)
        }
    }

    // MARK: PasswordStore

    public func changePassword(
        of user: UserID, from verified: PasswordHash, to hash: PasswordHash, keeping kept: SessionID, at now: NumericDate
    ) async throws(UsherError) -> [Revocation]? {
        try perform { state throws(UsherError) in
            guard let account = state.accounts[user] else { throw UsherError(.tokenRevoked) }
            guard !account.isDisabled else { throw UsherError(.accountDisabled) }
            guard account.passwordHash == verified else { return nil }
            state.setPassword(of: user, to: hash)
            return state.endSessions(of: user, but: kept, at: now)
        }
    }

    public func resetPassword(by digest: String, to hash: PasswordHash, at now: NumericDate) async throws(UsherError)
        -> PasswordReset
    {
        try perform { state throws(UsherError) in
            let account = try FoundToken.account(of: state.found(digest), at: now)
            state.setPassword(of: account.user.id, to: hash)
            let hasBeenConfirmed = account.user.emailVerified || state.confirmedBefore.contains(account.user.id)
            if !hasBeenConfirmed { state.secondFactors[account.user.id] = nil }
            state.knownAddresses[account.user.id] = nil
            let user = state.confirmEmail(of: account.user)
            return PasswordReset(user: user, ended: state.endSessions(of: user.id, at: now))
        }
    }
}

extension InMemoryStore.State {
    fileprivate func found(_ digest: String) -> FoundToken? {
        guard let token = tokens.first(where: { $0.stored.digest == digest }), let account = accounts[token.user] else {
            return nil
        }
        return FoundToken(account: account, email: token.email, expiresAt: token.stored.expiresAt)
    }

    fileprivate mutating func confirmEmail(of user: User) -> User {
        accounts[user.id]?.user.emailVerified = true
        tokens.removeAll { $0.user == user.id && $0.stored.purpose == .confirmation }
        var user = user
        user.emailVerified = true
        return user
    }

    mutating func setPassword(of user: UserID, to hash: PasswordHash) {
        accounts[user]?.passwordHash = hash
        tokens.removeAll { $0.user == user && $0.stored.purpose == .reset }
    }

    /// - Returns: whether there may be more.
    mutating func purgeTokens(before: NumericDate, most: Int) -> Bool {
        let over = tokens.filter { $0.stored.expiresAt < before }
        let gone = Set(over.prefix(most).map(\.stored.digest))
        tokens.removeAll { gone.contains($0.stored.digest) }
        return over.count > most
    }
}
