import UsherModel

/// What the jobs of one batch work in. Its methods are the statements behind the store's; they lie beside the table they are about.
final class Transaction {
    let database: Database
    /// The batch's moment: what it rotates is stamped with it, and so is the service time that it keeps.
    let time: ServiceTime
    /// Whether a grace window has begun in it.
    var hasRotated = false

    init(_ database: Database, time: ServiceTime) {
        self.database = database
        self.time = time
    }
}

/// One call of the store, on its way through the store's thread.
struct Job: Sendable {
    /// When the call was made, in monotonic milliseconds.
    let since: Int64
    /// Does the work, and keeps the answer for the caller.
    /// - Returns: false where the answer is a refusal, and what was done has to be undone.
    let run: @Sendable (Transaction) throws(DatabaseError) -> Bool
    /// Lets the caller go on: with the answer of `run`, or with an error that takes its place. Called once.
    let finish: @Sendable (UsherError?) -> Void
}
