import CPwquality
import Glibc
public import UsherModel
import UsherThreads

/// Neither library is known to be thread-safe; cracklib keeps the dictionary that is open in a variable of its own. One at a time, in the whole
/// process. (The number is for nothing: a value without size would lie where another begins, and ThreadSanitizer takes the one for the other.)
let libraries = Lock(0)

/// The dictionary of cracklib: `<path>.pwd`, `<path>.pwi` and `<path>.hwm`, as create-cracklib-dict(8) makes them.
///
/// It is opened for each look-up, so that a new one needs no restart. libpwquality would ask cracklib, too, but in a way that compares the
/// password with the daemon's own entry in passwd(5), and refuses every password where there is none.
public struct CrackDictionary: Sendable {
    /// Where cracklib has it.
    public static var usualPath: String { unsafe String(cString: GetDefaultCracklibDict()) }

    private let path: String

    /// Makes sure that it is there and can be used: cracklib itself would say so no earlier than of the first password.
    /// - Throws: what is wrong with it, and what to do.
    public init(opening path: String) throws(StartFailure) {
        self.path = path
        for file in [path + ".pwd", path + ".pwi"] {
            do throws(StartFailure) { try Self.check(file) } catch {
                throw StartFailure(
                    "The dictionary of passwords cannot be used: \(error.description) Install the Debian package cracklib-runtime, "
                        + "name another dictionary with password.dictionary, or set it to \"none\" to do without.")
            }
        }
        // Too short to be looked up: it is opened, and no more.
        guard libraries.withLock({ _ in unsafe Self.answer(to: "a", 1, path, "") }) != Self.openFailure else {
            throw StartFailure(
                "The dictionary of passwords cannot be used: \(path).pwi: this is no dictionary of cracklib. "
                    + "`update-cracklib` makes a new one of the machine's word lists.")
        }
    }

    private static func check(_ file: String) throws(StartFailure) {
        guard try RegularFile(file).size > 0 else { throw StartFailure("\(file): it is empty.") }
    }

    private static let openFailure = "error loading dictionary"

    /// What cracklib has against a password; nil if nothing. The lock is the caller's.
    private static func answer(to password: UnsafePointer<CChar>, _ count: Int, _ path: String, _ username: String) -> String? {
        // It makes its variants of the password in variables.
        defer { unsafe cleanseVariables(ofLibraryOf: GetDefaultCracklibDict()) }
        return leavingNoRemains(ofSecretOf: count) {
            unsafe FascistCheckUser(password, path, username, nil).map { unsafe String(cString: $0) }
        }
    }

    /// - Throws: `internal` if the dictionary cannot be read any more.
    func weakness(of password: UnsafePointer<CChar>, _ count: Int, username: String) throws(UsherError) -> PasswordWeakness? {
        guard let answer = unsafe Self.answer(to: password, count, path, username) else { return nil }
        switch answer {
        case Self.openFailure:
            throw UsherError(.internal, cause: "the dictionary of passwords \(path) cannot be read any more")
        case "it is based on a dictionary word", "it is based on a (reversed) dictionary word": return .dictionary
        case "it is based on your username": return .containsName
        // Too short, too few different characters, blanks, sequences, the form of a number.
        default: return .tooSimple
        }
    }
}
