public import UsherModel

extension InMemoryStore {
    public func updateSecondFactor<Answer: Sendable>(
        of user: UserID,
        _ decide: @escaping @Sendable (Account?, SecondFactor?, ServiceTime) throws(UsherError) -> SecondFactorStep<Answer>
    ) async throws(UsherError) -> Answer {
        let time = serviceTime
        return try perform { state throws(UsherError) in
            switch try decide(state.accounts[user], state.secondFactors[user], time) {
            case .keep(let answer): return answer
            case .put(let factor, let answer):
                state.secondFactors[user] = factor
                return answer
            case .remove(let answer):
                state.secondFactors[user] = nil
                return answer
            }
        }
    }
}

extension InMemoryStore.State {
    /// What becomes of a login because of the second factor, which may be in force: nil if a session may be opened.
    mutating func checkSecondFactor(of login: Login, _ time: ServiceTime) throws(UsherError) -> LoginOutcome? {
        let user = login.session.user
        guard let factor = secondFactors[user], factor.isInForce else { return login.code == nil ? nil : .stale }
        guard let code = login.code else { return .codeRequired }
        let outcome = try code(factor, time)
        secondFactors[user] = outcome.factor
        return outcome.refusal.map(LoginOutcome.codeRefused)
    }
}
