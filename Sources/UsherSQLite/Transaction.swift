import UsherModel

/// What the jobs of one batch work in. Its methods are the statements behind the store's; they lie beside the table they are about.
final class Transaction {
    let database: Database
    /// The batch's moment: what it rotates is stamped with it, and so is the service time that it keeps.
    let time: ServiceTime
    /// Whether a grace window has begun in it.
    var hasRotated = false

    /// Of a job that `writesOnce`: whether somebody waits for it, who is told from then on that nothing is known if they go on without it.
    var isWanted: () -> Bool = { true }

    init(_ database: Database, time: ServiceTime) {
        self.database = database
        self.time = time
    }

    /// To be called before the one statement of a job that `writesOnce`.
    /// - Throws: where nobody waits for it any more: nothing is to be written.
    func beginWriting() throws(StoreFault) {
        guard isWanted() else { throw .refused(.storeUnavailable(cause: "the call was given up")) }
    }
}

/// One call of the store, on its way through the store's thread.
struct Job: Sendable {
    /// When the call was made, in monotonic milliseconds.
    let since: Int64
    /// Whether it writes with one statement at most, and nothing but `beginWriting` stands between that and what may refuse it. It needs no
    /// savepoint: a statement that fails undoes what it has done.
    let writesOnce: Bool
    /// Does the work, and keeps the answer for the caller.
    /// - Returns: false where the answer is a refusal, and what was done has to be undone.
    let run: @Sendable (Transaction) throws(DatabaseError) -> Bool
    /// Lets the caller go on: with the answer of `run`, or with an error that takes its place. Called once.
    let finish: @Sendable (UsherError?) -> Void
}
