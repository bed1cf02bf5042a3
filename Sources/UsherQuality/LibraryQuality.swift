import CPwquality
public import UsherModel
import UsherThreads

/// What libpwquality and cracklib have against a password. No rules of composition, and no pwquality.conf: the settings are the daemon's.
public struct LibraryQuality: PasswordQuality {
    private let dictionary: CrackDictionary?

    /// - Parameter dictionary: nil to do without.
    public init(dictionary: CrackDictionary?) { self.dictionary = dictionary }

    public func weakness(of password: borrowing SecretBytes, owner: PasswordOwner) throws(UsherError) -> PasswordWeakness? {
        let words = owner.words.joined(separator: " ")
        let answer = libraries.withLock { _ in
            let count = password.count
            return unsafe password.withCString { password in
                Result { () throws(UsherError) -> PasswordWeakness? in
                    if let weakness = try unsafe pwquality(password, count, words) { return weakness }
                    return try unsafe dictionary?.weakness(of: password, count, username: owner.username.folded)
                }
            }
        }
        return try answer.get()
    }

    private func pwquality(_ password: UnsafePointer<CChar>, _ count: Int, _ words: String) throws(UsherError)
        -> PasswordWeakness?
    {
        // Everything that could be asked of a password's composition is 0 here, which is off; the least length is judged elsewhere.
        guard let settings = unsafe pwquality_default_settings() else { throw PwqualityError.memory.asFailure }
        defer { unsafe pwquality_free_settings(settings) }
        guard unsafe pwquality_set_int_value(settings, PWQ_SETTING_MIN_LENGTH, PwqualityError.leastLength) == 0,
            unsafe pwquality_set_int_value(settings, PWQ_SETTING_DICT_CHECK, 0) == 0,
            unsafe pwquality_set_str_value(settings, PWQ_SETTING_BAD_WORDS, words) == 0
        else { throw PwqualityError.memory.asFailure }
        let code = leavingNoRemains(ofSecretOf: count) { unsafe pwquality_check(settings, password, nil, nil, nil) }
        // From 0 to 100 it is a score.
        guard code < 0 else { return nil }
        let error = PwqualityError(rawValue: code) ?? .fatal
        guard let weakness = error.weakness else { throw error.asFailure }
        return weakness
    }
}
