import UsherJSON
import UsherModel

extension Event.Change {
    /// What of an account is another one after an act than before. Of its password that alone is told.
    /// - Parameters:
    ///   - before: nil for an account that was made.
    ///   - after: nil for one that was deleted.
    init(from before: AccountRecord?, to after: AccountRecord?) {
        self.init(
            before: before.map { $0.text(unlike: after, isAfter: false) },
            after: after.map { $0.text(unlike: before, isAfter: true) })
    }
}

extension AccountRecord {
    /// Each of its members as JSON.
    private var members: [(name: String, json: [UInt8])] {
        func json(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
            var writer = JSONWriter()
            write(&writer)
            return writer.bytes
        }
        return [
            ("username", json { $0.value(user.username.text) }), ("email", json { $0.value(user.email.text) }),
            ("role", json { $0.value(user.role) }), ("permissions", json { $0.value(user.permissions.map(\.text)) }),
            ("claims", Array(user.claims.utf8)), ("email_verified", json { $0.value(user.emailVerified) }),
            ("disabled", json { $0.value(account.isDisabled) }), ("second_factor", json { $0.value(hasSecondFactor) }),
        ]
    }

    /// The members in which it differs, as the text of a JSON object.
    fileprivate func text(unlike other: AccountRecord?, isAfter: Bool) -> String {
        var writer = JSONWriter()
        writer.openObject()
        let others = other?.members
        for (index, member) in members.enumerated() where others?[index].json != member.json {
            writer.member(member.name, raw: member.json.span)
        }
        if isAfter, let other, other.account.passwordHash != account.passwordHash { writer.member("password", "changed") }
        writer.closeObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
