public import UsherJSON
public import UsherModel
import UsherOperations

// The envelope of replies: one line, `{"ok":true,…}` or `{"ok":false,"error":…,"message":…,"status":…,…}`, the id first if there is one.
extension JSONWriter {
    /// Opens a reply that grants; what it adds follows, then `endReply`.
    mutating func beginSuccess(_ id: RequestID?) {
        openObject()
        member(id)
        raw(#""ok":true"#)
    }

    mutating func endReply() {
        closeObject()
        endLine()
    }

    /// A whole reply to a line that was not even a request.
    public mutating func writeFailure(_ error: UsherError) { writeFailure(error, nil) }

    /// A whole reply that does not.
    mutating func writeFailure(_ error: UsherError, _ id: RequestID?, _ allowance: Allowance? = nil) {
        openObject()
        member(id)
        member("ok", false)
        member("error", error.code.rawValue)
        member("message", error.message)
        member("status", Int64(error.code.status))
        write(error.detail)
        write(allowance)
        endReply()
    }

    /// Members of success and failure alike.
    mutating func write(_ allowance: Allowance?) {
        guard let allowance else { return }
        member("limit", Int64(allowance.limit))
        member("remaining", Int64(allowance.remaining))
        member("reset", Int64(allowance.reset))
    }

    private mutating func member(_ id: RequestID?) {
        guard let id else { return }
        name("id")
        raw(id.json.span)
    }

    private mutating func write(_ detail: UsherError.Detail) {
        switch detail {
        case .none: break
        case .field(let field): member("field", field)
        case .line(let line, let field):
            member("field", field)
            member("line", Int64(line))
        case .offset(let offset): member("offset", Int64(offset))
        case .expiredAt(let date): member("expired_at", date)
        case .activeAt(let date): member("active_at", date)
        case .roles(let roles): member("roles", roles)
        case .permissions(let permissions): member("permissions", permissions)
        case .reason(let reason): member("reason", reason)
        case .retryAfter(let seconds): member("retry_after", Int64(seconds))
        case .retryAfterMilliseconds(let milliseconds): member("retry_after_ms", Int64(milliseconds))
        case .challenge(let challenge, let expiresIn):
            member("challenge", challenge)
            member("expires_in", expiresIn)
        case .reference(let reference): member("reference", reference)
        }
    }
}
