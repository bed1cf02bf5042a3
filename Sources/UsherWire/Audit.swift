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

    /// Counts a request, where there is a rate.
    /// - Throws: `busy` if it is exceeded.
    func count(_ caller: Caller, _ rights: Rights) throws(UsherError) {
        let now = clock.monotonicMilliseconds()
        do throws(UsherError) {
            try rights.count(at: now)
        } catch {
            if log.threshold >= .notice, rights.isNews(at: now) {
                log.record(
                    Event(
                        .limit, .notice, "requests are refused: the rate of \(rights.name) is exceeded",
                        result: error.code.rawValue,
                        peer: caller.peer))
            }
            throw error
        }
    }

    /// - Parameters:
    ///   - error: nil if the request was granted.
    ///   - operation: nil if the line did not tell.
    func note(_ error: UsherError?, _ operation: Operation?, _ id: RequestID?, _ attempt: Attempt) {
        guard error != nil || (attempt.finding ?? operation?.event) != nil else { return }
        let (kind, priority) = Event.classify(operation, attempt.finding, error)
        guard priority <= log.threshold else { return }
        var event = Event(kind, priority, operation, id, attempt, error)
        if operation?.place == .admin { event.peerName = administrators[attempt.caller.peer.uid] }
        log.record(event)
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
        // Nothing but a cause that is no failure of ours is told besides the code.
        if let error, !error.code.isOurs, let cause = error.cause { message += "; \(cause)" }
        if let remark = attempt.remark { message += "; \(remark)" }
        self.init(
            kind, priority, message, op: operation?.name, result: error?.code.rawValue ?? "ok", user: attempt.user?.username.text,
            userID: attempt.user?.id, peer: attempt.caller.peer, clientAddress: attempt.client.address, request: id?.text)
        change = attempt.change
        isWithoutEffect = attempt.isWithoutEffect
    }

    fileprivate static func classify(
        _ operation: Operation?, _ finding: Kind?, _ error: UsherError?
    ) -> (kind: Kind, priority: Priority) {
        let isOurs = error?.code.isOurs ?? false
        if error?.code == .forbiddenOp { return (.refused, .notice) }
        let kind = finding ?? operation?.event
        switch kind {
        case .storeRollback: return (.storeRollback, .critical)
        case .refreshReuse: return (.refreshReuse, isOurs ? .error : .warning)
        case .imported: return (.imported, error == nil ? .info : isOurs ? .error : .notice)
        case .exported: return (.exported, error == nil ? .info : isOurs ? .error : .notice)
        case .backedUp: return (.backedUp, error == nil ? .info : isOurs ? .error : .notice)
        case .userAdded, .userChanged, .userDeleted, .userLoggedOut, .userShown, .roleChanged:
            return (kind ?? .refused, error == nil ? .info : isOurs ? .error : .notice)
        case _ where isOurs: return (.failure, .error)
        case .register, .login, .revoke, .profile, .delete, .password, .recover, .reset, .confirm, .totp:
            return (kind ?? .refused, error == nil ? .info : .notice)
        // What was asked with no good token is refused as a VERIFY of it would be.
        case .sessions: return (.sessions, error == nil ? .info : .debug)
        case .secondFactorOn: return (.secondFactorOn, .info)
        case .secondFactorOff: return (.secondFactorOff, .notice)
        case .recoveryCode: return (.recoveryCode, .notice)
        case .refresh: return (.refresh, .debug)
        case .verify: return (.verify, .debug)
        case nil, .ready, .stopping, .stopped, .crashed, .reloaded, .reloadFailed, .refused, .failure, .storeRecovered,
            .revocationsLost, .limit, .hanging,
            .dropped, .repeated, .notice:
            return (.refused, .debug)
        }
    }
}
