import UsherJSON
import UsherModel

/// USER_SET: changes an account, all that is asked for or nothing. What its older access tokens say is refused from the reply on.
struct UserSet: DeferredRequest {
    static let operation = Operation(
        name: "USER_SET",
        summary: "Change an account: its role, permissions, claims, names, password, whether it is disabled.",
        members: [
            .init("user", "string: an id, a username or an email"),
            .init("role", "string, optional"),
            .init("permissions", "list of strings, optional: all that it is to have of its own"),
            .init("grant", "list of strings, optional: permissions that it is to have besides"),
            .init("revoke", "list of strings, optional: permissions that it is to have no longer"),
            .init("claims", "object, optional: custom claims to set, null to remove"),
            .init("disabled", "boolean, optional"),
            .init("username", "string, optional"),
            .init("email", "string, optional: another one is unconfirmed"),
            .init("email_verified", "boolean, optional"),
            .init("password", "string, optional: a new one, which ends every session"),
            .init("second_factor", "false, optional: takes the second factor away"),
        ],
        example: #"{"op":"USER_SET","user":"ada","role":"editor","grant":["post:*"]}"#,
        event: .userChanged, place: .admin,
        run: .deferred { request, line, _, service throws(UsherError) in
            UserSet(
                key: try request.accountKey(in: line), edit: try AccountEdit(of: request, in: line, service))
        })

    let key: AccountKey?
    let edit: AccountEdit

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        let seen = try await service.find(key, as: attempt).account
        let wanted = try edit.applied(to: seen).user
        // Signing is the reactor's: it cannot be tried where the store has the last word.
        try service.requireFit(wanted, field: edit.longestField)
        var hash: PasswordHash?
        if let password = edit.password {
            hash = try await service.workers.run(for: attempt.caller) { hasher throws(UsherError) in
                try password.hash(for: wanted, by: hasher)
            }
        }
        let act = service.act(Self.operation, of: attempt)
        let audit: AuditNote<AdministeredAccount?> = {
            $0.map { act.entry(on: $0.after.user, Event.Change(from: $0.before, to: $0.after)) }
        }
        let done = try await service.store.administer(
            seen.user.id, at: service.clock.now(), until: service.lastExpiry(), audit: audit
        ) { [edit, hash] record throws(UsherError) in
            // Somebody else has changed it meanwhile: then another token would have to fit.
            guard !record.account.outdatesTokens(of: seen) else { throw .busy }
            record.account = try edit.applied(to: record.account)
            if let hash { record.account.passwordHash = hash }
            if edit.removesSecondFactor { record.hasSecondFactor = false }
        }
        guard let done else { throw .noSuchUser }
        service.refuse(done.revocations)
        // Who guessed at the old password, and kept its user out with that, has nothing to do with the new one.
        if hash != nil { await service.clearThrottle(of: seen.user.id) }
        attempt.user = done.after.user
        attempt.change = Event.Change(from: done.before, to: done.after)
        return Changed(record: done.after, sessionsEnded: hash == nil ? nil : done.endedSessions)
    }

    private struct Changed: Output {
        let record: AccountRecord
        /// Nil where none had to end.
        let sessionsEnded: Int?

        func write(to writer: inout JSONWriter) {
            AdministeredUser(record: record).write(to: &writer)
            if let sessionsEnded { writer.member("sessions_ended", Int64(sessionsEnded)) }
        }
    }
}
