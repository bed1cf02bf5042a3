import CPwquality
import UsherModel

/// The errors of pwquality.h, by their numbers there.
enum PwqualityError: Int32, CaseIterable {
    case fatal = -1
    case integer = -2
    case configurationOpen = -3
    case configurationMalformed = -4
    case unknownSetting = -5
    case notInteger = -6
    case notString = -7
    case memory = -8
    case similar = -9
    case digits = -10
    case uppers = -11
    case lowers = -12
    case others = -13
    case length = -14
    case palindrome = -15
    case caseChangesOnly = -16
    case rotated = -17
    case classes = -18
    case consecutive = -19
    case empty = -20
    case same = -21
    case cracklib = -22
    case randomness = -23
    case generation = -24
    case username = -25
    case gecos = -26
    case classRepeat = -27
    case badWords = -28
    case sequence = -29

    /// The least length that libpwquality takes, whatever is set.
    static let leastLength: Int32 = 6

    /// What it says of a password; nil if it is the library that failed.
    var weakness: PasswordWeakness? {
        switch self {
        case .badWords, .username, .gecos: .containsName
        case .length, .empty: .tooShort(atLeast: Int(Self.leastLength))
        case .cracklib: .dictionary
        case .palindrome, .sequence, .consecutive, .classRepeat, .classes, .digits, .uppers, .lowers, .others: .tooSimple
        // Of the old password, which is not compared.
        case .similar, .caseChangesOnly, .rotated, .same: .tooSimple
        case .fatal, .integer, .configurationOpen, .configurationMalformed, .unknownSetting, .notInteger, .notString, .memory,
            .randomness, .generation:
            nil
        }
    }

    /// For the journal.
    var asFailure: UsherError {
        var text = [CChar](repeating: 0, count: Int(PWQ_MAX_ERROR_MESSAGE_LEN))
        let reason = unsafe pwquality_strerror(&text, text.count, rawValue, nil).map { unsafe String(cString: $0) }
        return UsherError(.internal, cause: "libpwquality: \(reason ?? "error \(rawValue)")")
    }
}
