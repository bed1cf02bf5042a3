/// Why the database cannot be used: what is wrong, where, and what to do about it.
public struct StoreOpenError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The database file.
    public let path: String
    /// What is wrong with it, without a full stop.
    public let problem: String
    /// What an administrator can do, as a whole sentence.
    public let advice: String

    public init(path: String, problem: String, advice: String) {
        self.path = path
        self.problem = problem
        self.advice = advice
    }

    public var description: String { "\(path): \(problem). \(advice)" }
}
