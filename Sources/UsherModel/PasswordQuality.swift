/// The port to judging passwords that somebody wants to have. Every call may block, on files and on locks: never on the reactor.
public protocol PasswordQuality: Sendable {
    /// What speaks against `password`, which has no NUL inside; nil if nothing does.
    /// - Throws: `internal` when it cannot be judged: a password that nobody has looked at is not taken.
    func weakness(of password: borrowing SecretBytes, owner: PasswordOwner) throws(UsherError) -> PasswordWeakness?
}

/// Whose password it is to be.
public struct PasswordOwner: Sendable, Equatable {
    public let username: Username
    public let email: Email

    public init(username: Username, email: Email) {
        self.username = username
        self.email = email
    }

    /// What a password of theirs must not contain, in small letters, each once: username and local part, whole and in parts, and the labels
    /// of the domain but the last, which they share with everybody. They are as long as `Limits.nameWord` says.
    public var words: [String] {
        let address = email.folded.split(separator: "@")
        var words: [String] = []
        for name in [username.folded, String(address.first ?? "")] {
            words.append(name)
            words += name.split { !$0.isLetter && !$0.isNumber }.map(String.init)
        }
        let labels = (address.last ?? "").split(separator: ".")
        words += (labels.count > 1 ? labels.dropLast() : labels).map(String.init)
        var known: Set<String> = []
        return words.map { String($0.prefix(Limits.nameWord.upperBound)) }
            .filter { $0.utf8.count >= Limits.nameWord.lowerBound && known.insert($0).inserted }
    }
}

/// Why a password is refused.
public enum PasswordWeakness: Sendable, Equatable {
    /// In bytes.
    case tooShort(atLeast: Int)
    /// In bytes.
    case tooLong(atMost: Int)
    case nul
    case containsName
    case tooSimple
    case dictionary
    case breached

    /// The stable word in a reply's `reason` member.
    public var word: String {
        switch self {
        case .tooShort: "too_short"
        case .tooLong: "too_long"
        case .nul: "nul"
        case .containsName: "contains_name"
        case .tooSimple: "too_simple"
        case .dictionary: "dictionary"
        case .breached: "breached"
        }
    }

    fileprivate var message: String {
        switch self {
        case .tooShort(let least): "The password must have at least \(least) bytes."
        case .tooLong(let most): "The password must have at most \(most) bytes."
        case .nul: "The password must not contain a NUL character."
        case .containsName: "The password must not contain the username or a part of the email."
        case .tooSimple: "The password is too simple: it repeats itself, follows a sequence, or reads the same backwards."
        case .dictionary: "The password is a word, or too much like one."
        case .breached: "The password is known to attackers: it is on a list of passwords that were stolen."
        }
    }
}

extension UsherError {
    public static func weakPassword(_ weakness: PasswordWeakness) -> UsherError {
        UsherError(.weakPassword, weakness.message, detail: .reason(weakness.word))
    }
}
