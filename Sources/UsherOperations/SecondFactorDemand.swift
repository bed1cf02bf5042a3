import UsherModel

extension AuthService {
    /// Asks a user for a code where a second factor is in force, and uses it up: for what would let somebody else take the factor away.
    /// - Throws: `missing_field` of `code`; `invalid_credentials`, `rate_limited`.
    func demand(_ code: SecondFactorCode?, of account: Account) async throws(UsherError) {
        let check = code.map { self.check($0, of: account.user.id) }
        let refusal = try await store.updateSecondFactor(of: account.user.id) {
            _, factor, time throws(UsherError) -> SecondFactorStep<UsherError?> in
            guard let factor, factor.isInForce else { return .keep(nil) }
            guard let check else { throw .missingField("code") }
            let outcome = try check.outcome(for: factor, at: time)
            return .put(outcome.factor, outcome.refusal)
        }
        if let refusal { throw refusal }
    }
}
