import UsherModel

extension PasswordSettings {
    /// What a new password must be.
    /// - Throws: `weak_password` with the reason `too_short`, `too_long` or `nul`.
    func check(_ password: borrowing SecretBytes) throws(UsherError) {
        guard password.count >= minLength else {
            throw .weak("too_short", "The password must have at least \(minLength) bytes.")
        }
        guard password.count <= scheme.maxLength else {
            throw .weak("too_long", "The password must have at most \(scheme.maxLength) bytes.")
        }
        guard !password.contains(0) else { throw .weak("nul", "The password must not contain a NUL character.") }
    }
}

extension UsherError {
    fileprivate static func weak(_ reason: String, _ message: String) -> UsherError {
        UsherError(.weakPassword, message, detail: .reason(reason))
    }
}
