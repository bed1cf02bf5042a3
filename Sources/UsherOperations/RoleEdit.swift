import UsherJSON
import UsherModel

// What the operations on roles have in common.
extension JSONReader {
    /// - Throws: `missing_field`, `invalid_field`.
    func requiredRole(in line: Span<UInt8>) throws(UsherError) -> String {
        guard let role = try role(in: line) else { throw .missingField("role") }
        return role
    }

    /// - Throws: `missing_field`, `invalid_field`, also for an empty list.
    func requiredPermissions(in line: Span<UInt8>) throws(UsherError) -> [Permission] {
        guard let permissions = try permissions("permissions", in: line) else { throw .missingField("permissions") }
        guard !permissions.isEmpty else { throw .invalidField("permissions", "The list of permissions must not be empty.") }
        return permissions
    }
}

extension AuthService {
    /// Changes what a role allows: nil stands for no such role. The older tokens of all who have it are stale from then on.
    /// - Throws: `invalid_field` if there would be too many roles, or the permissions would be too long for a token; what `change` throws.
    func editRole(
        _ name: String, by operation: Operation, as attempt: Attempt,
        _ change: @escaping @Sendable ([Permission]?) throws(UsherError) -> [Permission]?
    ) async throws(UsherError) -> EditedRole {
        let act = act(operation, of: attempt)
        let audit: AuditNote<EditedRole> = { act.entry(on: .role(name), $0.change) }
        let edited = try await store.editRole(name, until: lastIssued(), most: Limits.roles, audit: audit) {
            before throws(UsherError) in
            let after = try change(before)
            // What was once granted can be taken away in any case.
            guard let after, after.count > before?.count ?? 0 else { return after }
            let length = after.reduce(0) { $0 + $1.lengthInList }
            guard length <= Limits.rolePermissions else {
                throw .invalidField(
                    "permissions",
                    "The permissions of a role take at most \(Limits.rolePermissions.grouped) bytes, so that tokens fit a cookie."
                )
            }
            return after
        }
        adopt(edited)
        attempt.remark = "the role is \(name)"
        if edited.before != edited.after { attempt.change = edited.change }
        return edited
    }
}

extension EditedRole {
    fileprivate var change: Event.Change { Event.Change(before: before?.text, after: after?.text) }
}

extension Permission {
    /// Bytes that it takes in the list of a token, where quotes and control characters are escaped.
    fileprivate var lengthInList: Int {
        var writer = JSONWriter()
        writer.value(text)
        return writer.count + 1
    }
}

extension UsherError {
    static let noSuchRole = invalidField("role", "There is no such role.")
}

extension Role {
    func write(to writer: inout JSONWriter) {
        writer.openObject()
        writer.member("name", name)
        writer.member("permissions", permissions.map(\.text))
        writer.closeObject()
    }

    /// What of it can change, as the text of a JSON object.
    fileprivate var text: String {
        var writer = JSONWriter()
        writer.openObject()
        writer.member("permissions", permissions.map(\.text))
        writer.closeObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// A role as it is now, or was when it was deleted.
struct ShownRole: Output {
    let role: Role

    func write(to writer: inout JSONWriter) {
        writer.name("role")
        role.write(to: &writer)
    }
}
