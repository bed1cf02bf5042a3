import UsherModel

extension PasswordSettings {
    /// What can be said of a new password at once, before anything else is done for it.
    /// - Throws: `weak_password` with the reason `too_short`, `too_long` or `nul`.
    func check(_ password: borrowing SecretBytes) throws(UsherError) {
        guard password.count >= minLength else { throw .weakPassword(.tooShort(atLeast: minLength)) }
        guard password.count <= scheme.maxLength else { throw .weakPassword(.tooLong(atMost: scheme.maxLength)) }
        guard !password.contains(0) else { throw .weakPassword(.nul) }
    }
}

extension [any PasswordQuality] {
    /// Asks one after the other. Blocks.
    /// - Throws: `weak_password` with what the first of them has against the password; `internal`.
    func check(_ password: borrowing SecretBytes, owner: PasswordOwner) throws(UsherError) {
        for judge in self {
            if let weakness = try judge.weakness(of: password, owner: owner) { throw .weakPassword(weakness) }
        }
    }
}

extension AuthService {
    /// The hash of a password that somebody wants to have, if it is good enough: judged and hashed in one go on the hash pool, so that it waits
    /// for a worker once. `passwords.check` comes before, when the request is read.
    /// - Throws: `weak_password`; `busy`; `internal`.
    func hash(
        newPassword password: SharedSecret, of owner: PasswordOwner, for caller: Caller
    ) async throws(UsherError) -> PasswordHash {
        let quality = quality
        return try await workers.run(for: caller) { hasher throws(UsherError) in
            try quality.check(password.bytes, owner: owner)
            return try hasher.hash(password.bytes)
        }
    }
}
