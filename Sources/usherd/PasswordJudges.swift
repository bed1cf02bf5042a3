import UsherCrypto
import UsherModel
import UsherQuality

/// Who judges new passwords, as the configuration has it.
struct PasswordJudges {
    /// In the order in which they are asked: the one that takes microseconds comes first.
    let all: [any PasswordQuality]
    /// How many passwords are on the list of breached ones; nil where there is no list.
    let breachedCount: Int?

    /// Reads the list, and looks whether there is a dictionary.
    /// - Throws: what is wrong with either, and where.
    init(_ configuration: Configuration) throws(StartFailure) {
        let breached: BreachedPasswords? =
            if let path = configuration.breachedList {
                try BreachedPasswords(reading: path, hash: OpenSSLHash())
            } else { nil }
        let path = configuration.passwordDictionary.flatMap { $0 == Configuration.noDictionary ? nil : $0 }
        let dictionary: CrackDictionary? = if let path { try CrackDictionary(opening: path) } else { nil }
        let library: any PasswordQuality = LibraryQuality(dictionary: dictionary)
        all = if let breached { [breached, library] } else { [library] }
        breachedCount = breached?.count
    }
}
