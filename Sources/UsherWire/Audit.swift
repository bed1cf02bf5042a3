import UsherModel
import UsherOperations

// What the journal is told of requests. Nothing here is secret: names of accounts that exist, codes, and whence.
extension AuthService {
    /// Gives a failure of ours a reference, which the reply and the journal share.
    func referenced(_ error: UsherError) -> UsherError {
        guard error.code == .internal, error.detail == .none else { return error }
        let reference = String(random.word(), radix: 16)
        return UsherError(error.code, error.message, detail: .reference(reference), cause: error.cause)
    }

    /// - Parameters:
    ///   - error: nil if the request was granted.
    ///   - operation: nil if the line did not tell.
    func note(_ error: UsherError?, _ operation: Operation?, _ id: RequestID?, _ attempt: Attempt) {
        guard error != nil || (attempt.finding ?? operation?.event) != nil else { return }
        let (kind, priority) = Event.classify(operation, attempt.finding, error)
        guard priority <= log.threshold else { return }
        log.record(Event(kind, priority, operation, id, attempt, error))
    }

    /// The same for a request that was answered at once: nothing is made of it unless somebody wants to know.
    func note(_ error: UsherError?, _ operation: Operation?, _ id: RequestID?, _ caller: Caller) {
        guard Event.classify(operation, nil, error).priority <= log.threshold else { return }
        note(error, operation, id, Attempt(caller: caller))
    }
}

extension Event {
    fileprivate init(
        _ kind: Kind, _ priority: Priority, _ operation: Operation?, _ id: RequestID?, _ attempt: Attempt, _ error: UsherError?
    ) {
        let name = operation?.name ?? "a request"
        var message = "\(name) \(error.map { "refused: \($0.code.rawValue)" } ?? "granted")"
        if let error, error.code.isOurs {
            message = "\(name) failed: \(error.cause ?? error.message)"
            if case .reference(let reference) = error.detail { message += " (reference \(reference))" }
        }
        if let remark = attempt.remark { message += "; \(remark)" }
        self.init(
            kind, priority, message, op: operation?.name, result: error?.code.rawValue ?? "ok", user: attempt.user?.username.text,
            userID: attempt.user?.id, peer: attempt.caller.peer, clientAddress: attempt.client.address, request: id?.text)
    }

    fileprivate static func classify(
        _ operation: Operation?, _ finding: Kind?, _ error: UsherError?
    ) -> (kind: Kind, priority: Priority) {
        if error?.code == .forbiddenOp { return (.refused, .notice) }
        if let kind = finding ?? operation?.event, kind == .imported || kind == .exported {
            return (kind, error.map { $0.code.isOurs ? .error : .notice } ?? .info)
        }
        if let finding {
            return (finding, finding == .storeRollback ? .critical : error?.code.isOurs == true ? .error : .warning)
        }
        if let error, error.code.isOurs { return (.failure, .error) }
        switch operation?.event {
        case .register, .login, .revoke: return (operation?.event ?? .refused, error == nil ? .info : .notice)
        case .refresh: return (.refresh, .debug)
        case .verify: return (.verify, .debug)
        case nil, .ready, .stopping, .stopped, .imported, .exported, .refreshReuse, .refused, .failure, .storeRollback,
            .storeRecovered, .limit,
            .hanging, .dropped, .repeated, .notice:
            return (.refused, .debug)
        }
    }
}
