import UsherJSON
import UsherModel

// What the operations of administrators on one account have in common.
extension JSONReader {
    /// Whom a request is about: an id, a username or an email.
    /// - Returns: nil for what nobody can have.
    /// - Throws: `missing_field`, `invalid_field`.
    func accountKey(in line: Span<UInt8>) throws(UsherError) -> AccountKey? {
        AccountKey(parsing: try requiredString("user", in: line))
    }
}

extension AuthService {
    /// - Throws: `invalid_field` of `user` if there is none.
    func find(_ key: AccountKey?, as attempt: Attempt) async throws(UsherError) -> AccountRecord {
        guard let key, let record = try await store.find(key) else { throw .noSuchUser }
        attempt.user = record.user
        return record
    }
}

extension UsherError {
    static let noSuchUser = invalidField("user", "There is no such user.")
}

extension AccountRecord {
    /// The user object, and what only administrators see.
    func write(to writer: inout JSONWriter) {
        writer.openObject()
        user.writeMembers(to: &writer)
        writer.member("disabled", account.isDisabled)
        writer.member("second_factor", hasSecondFactor)
        writer.closeObject()
    }
}

/// The account as it is now, or was when it was deleted.
struct AdministeredUser: Output {
    let record: AccountRecord

    func write(to writer: inout JSONWriter) {
        writer.name("user")
        record.write(to: &writer)
    }
}
