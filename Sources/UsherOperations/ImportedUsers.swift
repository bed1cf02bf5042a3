import UsherJSON
import UsherModel
import UsherToken

/// Reads the users of an IMPORT. Strict: what is not known or out of its bounds is an error that names line and member, for nobody looks at
/// a hundred thousand users again.
struct ImportedUsers {
    let hasher: any PasswordHasher
    let now: NumericDate

    private static let members: Set<String> = [
        "id", "username", "email", "password_hash", "role", "permissions", "claims", "email_verified", "disabled", "created_at",
        "last_login_at",
    ]

    /// - Parameters:
    ///   - text: a JSON array that has been validated.
    ///   - line: that of its first element.
    ///   - newID: gives an id to a user that has none.
    /// - Throws: `missing_field`, `invalid_field` with the line.
    func parse(_ text: [UInt8], line: Int, newID: () -> UUIDv7) throws(UsherError) -> [StagedAccount] {
        var reader = JSONReader(nesting: Limits.nesting)
        let elements = reader.elements(of: JSONValue(array: text.span), in: text.span)
        guard (1...Limits.importBatch).contains(elements.count) else {
            throw .invalidField("users", "A batch is 1 to \(Limits.importBatch.grouped) users.")
        }
        // In their order, so that EXPORT gives them back in the order in which they came.
        let newIDs = elements.map { _ in newID() }.sorted()
        var accounts: [StagedAccount] = []
        for (index, element) in elements.enumerated() {
            do throws(UsherError) {
                let account = try account(element, in: text.span, &reader, newID: newIDs[index])
                accounts.append(StagedAccount(line: line + index, account: account))
            } catch {
                throw error.at(line: line + index)
            }
        }
        return accounts
    }

    private func account(
        _ value: JSONValue, in text: Span<UInt8>, _ reader: inout JSONReader, newID: UUIDv7
    ) throws(UsherError) -> Account {
        guard value.kind == .object else { throw .invalidField("users", "A user must be an object.") }
        try reader.readAgain(text, value.range)
        for member in reader.members {
            let name = member.name.string(in: text) ?? ""
            guard Self.members.contains(name) else {
                throw .invalidField(
                    name.utf8.count <= Limits.requestID ? name : "users",
                    "A user has no such member: a misspelt one would be lost.")
            }
        }
        let username = try Username(parsing: reader.requiredString("username", in: text))
        let email = try Email(parsing: reader.requiredString("email", in: text))
        var user = User(
            id: UserID(try reader.userID(in: text) ?? newID), username: username, email: email,
            createdAt: try reader.pastDate("created_at", in: text, now: now) ?? now)
        user.lastLoginAt = try reader.pastDate("last_login_at", in: text, now: now)
        user.emailVerified = try reader.bool("email_verified", in: text)
        if let role = try reader.role(in: text) { user.role = role }
        user.permissions = try reader.permissions("permissions", in: text) ?? []
        let isDisabled = try reader.bool("disabled", in: text)
        let hash = try passwordHash(try reader.string("password_hash", in: text))
        // Last: it reads another object.
        if let claims = reader.value("claims", in: text) { user.claims = try reader.claims(claims, in: text) }
        return Account(user: user, passwordHash: hash, isDisabled: isDisabled)
    }

    /// Without one the account gets a hash that no password matches.
    private func passwordHash(_ text: String?) throws(UsherError) -> PasswordHash {
        guard let text else { return hasher.decoy(like: nil) }
        let hash = PasswordHash(text)
        if let objection = hasher.objection(to: hash) { throw .invalidField("password_hash", objection) }
        return hash
    }
}

extension JSONReader {
    /// Reads an object that has been validated as a part of another text.
    fileprivate mutating func readAgain(_ text: Span<UInt8>, _ range: Range<Int>) throws(UsherError) {
        do throws(JSONFault) {
            try read(text, in: range)
        } catch {
            throw UsherError(.internal, cause: "an object was validated, and is not valid")
        }
    }

    fileprivate func userID(in text: Span<UInt8>) throws(UsherError) -> UUIDv7? {
        guard let string = try string("id", in: text) else { return nil }
        guard let id = UUIDv7(parsing: string), id.isVersion7 else {
            throw .invalidField("id", "An id is a UUID of version 7, in small letters, as EXPORT gives it.")
        }
        return id
    }

    /// A time that cannot lie ahead by more than clocks are off: milliseconds, as some programs count, always do.
    fileprivate func pastDate(_ name: StaticString, in text: Span<UInt8>, now: NumericDate) throws(UsherError) -> NumericDate? {
        guard let value = value(name, in: text) else { return nil }
        guard let date = value.integer(in: text), (0...now + 86_400).contains(date) else {
            throw .invalidField(
                name.description, "The member \"\(name)\" must be a time in the past, in whole seconds since 1970.")
        }
        return date
    }

    /// The claims as they stand there, on one line; the reader holds their members then.
    fileprivate mutating func claims(_ value: JSONValue, in text: Span<UInt8>) throws(UsherError) -> String {
        guard value.kind == .object else { throw .invalidField("claims", "The member \"claims\" must be an object.") }
        try readAgain(text, value.range)
        for member in members where TokenIssuer.reservedClaims.contains(member.name.string(in: text) ?? "") {
            throw .reservedClaim
        }
        var writer = JSONWriter()
        writer.rawOnOneLine(text.extracting(value.range))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension UsherError {
    /// The same of a line of an imported file.
    func at(line: Int) -> UsherError {
        guard case .field(let field) = detail else { return self }
        return UsherError(code, "Line \(line): \(message)", detail: .line(line, field: field), cause: cause)
    }
}
