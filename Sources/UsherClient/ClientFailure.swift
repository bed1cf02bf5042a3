/// How a request ends that is not granted. The three kinds of refusal are told apart so that a full queue is never taken for a wrong password.
public enum ClientFailure: Error, Sendable, CustomStringConvertible {
    /// The answer is no: show the visitor its `message`, send its `status`.
    case denied(Refusal)
    /// The daemon cannot answer now: try again, after `retryAfter` if that is told.
    case retryLater(Refusal)
    /// The request is at fault: a defect of the program that sent it, or of what a person typed.
    case misuse(Refusal)
    /// There was no reply, and the connection is closed.
    case lost(LostConnection)

    /// What the daemon said; nil where it said nothing.
    public var refusal: Refusal? {
        switch self {
        case .denied(let refusal), .retryLater(let refusal), .misuse(let refusal): refusal
        case .lost: nil
        }
    }

    public var description: String {
        switch self {
        case .denied(let refusal), .retryLater(let refusal), .misuse(let refusal): refusal.message
        case .lost(let lost): lost.description
        }
    }

    init(_ refusal: Refusal) {
        switch refusal.code {
        case "bad_request", "unknown_op", "missing_field", "invalid_field", "line_too_long", "forbidden_op":
            self = .misuse(refusal)
        case "busy", "store_unavailable", "shutting_down", "internal": self = .retryLater(refusal)
        // A code that is not known counts by its status, as protocol.md has it.
        default: self = refusal.status >= 500 ? .retryLater(refusal) : .denied(refusal)
        }
    }
}

/// A reply that is not `ok`.
public struct Refusal: Sendable {
    /// The stable word: `invalid_credentials`.
    public let code: String
    /// A sentence for people.
    public let message: String
    /// The HTTP status that a web app would send on.
    public let status: Int
    /// All of it: what a code carries besides, `field`, `permissions`, `challenge`.
    public let reply: ReplyObject

    /// How long to wait before the next attempt; nil if the daemon does not tell.
    public var retryAfter: Duration? {
        reply.integer("retry_after_ms").map { .milliseconds($0) } ?? reply.integer("retry_after").map { .seconds($0) }
    }

    /// Nil for what is no refusal as protocol.md has it.
    init?(_ reply: ReplyObject) {
        guard reply.bool("ok") == false, let code = reply.string("error"), let message = reply.string("message"),
            let status = reply.integer("status")
        else { return nil }
        self.code = code
        self.message = message
        self.status = Int(status)
        self.reply = reply
    }
}
