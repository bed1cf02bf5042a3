import UsherJSON
import UsherModel

/// Who does what, and when: what of an act of an administrator is known before it is done.
struct AdministrativeAct: Sendable {
    private let at: NumericDate
    private let op: String
    private let actor: AuditEntry.Actor

    fileprivate init(at: NumericDate, op: String, actor: AuditEntry.Actor) {
        self.at = at
        self.op = op
        self.actor = actor
    }

    /// What is kept of it.
    func entry(on subject: AuditEntry.Subject?, _ change: Event.Change) -> AuditEntry {
        AuditEntry(at: at, op: op, actor: actor, subject: subject, change: change)
    }

    func entry(on user: User, _ change: Event.Change) -> AuditEntry {
        entry(on: .user(user.id, username: user.username.text), change)
    }
}

extension AuthService {
    func act(_ operation: Operation, of attempt: Attempt) -> AdministrativeAct {
        let uid = attempt.caller.peer.uid
        return AdministrativeAct(
            at: clock.now(), op: operation.name, actor: AuditEntry.Actor(uid: uid, loginName: administrators[uid]))
    }
}

extension Event.Change {
    /// - Parameter after: writes the members of an object.
    init(before: String?, after: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.openObject()
        after(&writer)
        writer.closeObject()
        self.init(before: before, after: String(decoding: writer.bytes, as: UTF8.self))
    }
}
