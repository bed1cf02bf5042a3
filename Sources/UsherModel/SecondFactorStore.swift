/// What of the store's port is about second factors. That LOGIN opens no session without one is a part of `Store.open`.
public protocol SecondFactorStore: Sendable {
    /// Reads an account and its second factor, lets `decide` say what becomes of the latter, and does that, all in one transaction.
    /// `decide` runs on the store's thread; what it throws is thrown here, with nothing changed.
    func updateSecondFactor<Answer: Sendable>(
        of user: UserID,
        _ decide: @escaping @Sendable (Account?, SecondFactor?, ServiceTime) throws(UsherError) -> SecondFactorStep<Answer>
    ) async throws(UsherError) -> Answer
}

/// What becomes of a second factor.
public enum SecondFactorStep<Answer: Sendable>: Sendable {
    case keep(Answer)
    /// Takes the place of the one that is there, if any.
    case put(SecondFactor, Answer)
    case remove(Answer)
}
