public import UsherModel
import UsherTesting

extension ScriptedStore {
    public func updateSecondFactor<Answer: Sendable>(
        of user: UserID,
        _ decide: @escaping @Sendable (Account?, SecondFactor?, ServiceTime) throws(UsherError) -> SecondFactorStep<Answer>
    ) async throws(UsherError) -> Answer {
        try await perform(.updateSecondFactor) { () async throws(UsherError) in
            try await inner.updateSecondFactor(of: user, decide)
        }
    }
}
