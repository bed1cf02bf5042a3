public import UsherModel

/// What a rule lets its peers do, and what of it is left. All connections that it applies to share it. Belongs to the reactor.
public final class Rights {
    /// Looked at for each request: by index, a bit.
    public let operations: OperationSet
    let mayNameAddresses: Bool
    let audiences: Audiences
    private let share: Rule.Share?
    /// Whether requests are to be counted.
    public let isRated: Bool
    private var bucket: RateBucket?
    /// Of the rule, from 1; nil where there is none.
    private let number: Int?
    /// When the journal was told last that the rate was exceeded.
    private var told: Int64?
    /// How many have these rights now.
    public private(set) var connections = 0

    /// - Parameter now: monotonic, in milliseconds.
    init(_ rule: Rule, number: Int?, at now: Int64) {
        operations = rule.operations
        mayNameAddresses = rule.mayNameAddresses
        audiences = Audiences(rule.audiences)
        share = rule.connections
        isRated = rule.rate != nil
        bucket = rule.rate.map { RateBucket($0, at: now) }
        self.number = number
    }

    /// Where no rule says otherwise.
    public convenience init(everythingAt place: Operation.Place) {
        var rule = Rule(operations: .all(at: place))
        rule.mayNameAddresses = true
        self.init(rule, number: nil, at: 0)
    }

    /// What the journal calls it.
    public var name: String { number.map { "rule[\($0)]" } ?? "no rule" }

    // MARK: Requests

    /// Counts a request.
    /// - Parameter now: monotonic, in milliseconds.
    /// - Throws: `busy` if the rate is exceeded.
    public func count(at now: Int64) throws(UsherError) {
        guard let wait = bucket?.take(at: now) else { return }
        throw UsherError(
            .busy, "The rate that the settings allow this peer is exceeded; try again.",
            detail: .retryAfterMilliseconds(Int(wait)))
    }

    /// Whether the journal is to be told that the rate is exceeded: once in a while is enough, however many requests there are.
    public func isNews(at now: Int64) -> Bool {
        if let told, now - told < Limits.floodWindow { return false }
        told = now
        return true
    }

    public func refusal(of operation: Operation) -> UsherError {
        refusal("The daemon's settings do not let this peer call \(operation.name).")
    }

    /// Of whatever is not allowed. The sentence is told; which rule it was, the journal alone.
    func refusal(_ sentence: String) -> UsherError {
        UsherError(.forbiddenOp, sentence, cause: number == nil ? "no rule applies to the peer" : "by \(name)")
    }

    /// - Throws: `forbidden_op`.
    func require(audience: String) throws(UsherError) {
        guard audiences.allow(audience) else {
            throw refusal("The daemon's settings do not let this peer ask for this audience.")
        }
    }

    /// Of a connection, where nothing may be called.
    public var refusalOfAll: UsherError { refusal("The daemon's settings do not let this peer call anything.") }

    // MARK: Connections

    /// Whether there may be one more.
    /// - Parameter all: how many there may be of all peers.
    public func hasRoom(of all: Int) -> Bool { share.map { connections < $0.limit(of: all) } ?? true }
    public func enter() { connections += 1 }
    public func leave() { connections -= 1 }
}

/// The audiences that a peer may ask for.
struct Audiences: Sendable {
    private let names: [String]?
    /// That of a request that names none; nil for the daemon's.
    let first: String?
    let firstBytes: [UInt8]?

    init(_ names: [String]?) {
        self.names = names
        first = names?.first
        firstBytes = first.map { Array($0.utf8) }
    }

    func allow(_ audience: String) -> Bool {
        guard let names else { return true }
        return names.contains { $0.utf8.elementsEqual(audience.utf8) }
    }
}
