import CSQLite
import UsherModel

/// What SQLite said when it failed.
struct DatabaseError: Error, Equatable, CustomStringConvertible {
    /// The extended result code.
    let code: Int32
    let message: String
    /// errno(3) of the system call behind it, or 0.
    let systemError: Int32
    /// The statement, which holds no values.
    let statement: String

    /// The result code without its extension.
    var primaryCode: Int32 { code & 0xff }

    var description: String {
        "\(message) (SQLite \(code)\(systemError == 0 ? "" : ", errno \(systemError)")) in: \(statement)"
    }

    /// Whether the fault lies in the values of one statement: the connection and the rest of the transaction are sound.
    var concernsItsJobAlone: Bool {
        primaryCode == SQLITE_CONSTRAINT || primaryCode == SQLITE_TOOBIG || primaryCode == SQLITE_MISMATCH
            || primaryCode == SQLITE_RANGE
    }
}

/// Why a job did not come to its end.
enum StoreFault: Error {
    /// The caller is told so; the rest of the batch goes on.
    case refused(UsherError)
    /// Nothing is known of the connection any more.
    case database(DatabaseError)

    /// A row that no version of this store has written.
    static func unreadable(_ what: String) -> StoreFault {
        .refused(UsherError(.internal, cause: "unreadable row: \(what)"))
    }
}

extension Database {
    /// Runs a statement that no value goes into.
    func control(_ sql: StaticString) throws(DatabaseError) {
        try unrefused { () throws(StoreFault) in try run(sql) }
    }
}

/// Does what no answer of the store keeps from succeeding, only the database.
func unrefused(_ body: () throws(StoreFault) -> Void) throws(DatabaseError) {
    do throws(StoreFault) { try body() } catch {
        switch error {
        case .database(let error): throw error
        case .refused: preconditionFailure("a statement without rows refuses nothing")
        }
    }
}
