import Glibc
import UsherModel

/// A database that nobody has open: a backup, or that of a daemon which is stopped.
public struct DatabaseFile: Sendable {
    /// The version of its schema.
    public let version: Int64
    public let users: Int64
    public let sessions: Int64

    /// Reads all of it, and changes nothing, in its folder either.
    /// - Throws: what is wrong with it: it cannot be read, is somebody else's, of a newer version, damaged, or still in use.
    public init(examining path: String) throws(StoreOpenError) {
        do throws(StoreOpenError) {
            try self.init(Opening(path: path, vfs: nil))
        } catch {
            // What there is to say of the daemon's own database does not go for any file.
            throw StoreOpenError(path: path, problem: error.problem, advice: "Use another file.")
        }
    }

    private init(_ opening: Opening) throws(StoreOpenError) {
        let path = opening.path
        guard unsafe access(path, R_OK) == 0 else { throw opening.problem("it cannot be read: \(errorText(errno))", "") }
        // A whole database has none: it takes in its WAL when it is closed.
        guard unsafe access(path + "-wal", F_OK) != 0 else {
            throw opening.problem("it has a WAL beside it: it is in use, or its daemon came to a sudden end", "")
        }
        let database = try opening.attempt { () throws(StoreFault) in
            do throws(DatabaseError) { return try Database(immutable: path) } catch { throw .database(error) }
        }
        try opening.attempt { () throws(StoreFault) in
            try database.run("PRAGMA trusted_schema = OFF")
            try database.run("PRAGMA cell_size_check = ON")
        }
        switch try opening.attempt({ () throws(StoreFault) in try Schema.identity(of: database) }) {
        case .ours, .older: break
        case .version(let version): throw opening.ofOtherVersion(version)
        case .empty: throw opening.problem("it is empty", "")
        case .foreign: throw opening.problem("it is a database, but not one of usher's", "")
        }
        let faults = try opening.attempt { () throws(StoreFault) in try database.faults() }
        guard faults.isEmpty else { throw opening.problem("it is damaged: \(faults.joined(separator: "; "))", "") }
        (version, users, sessions) = try opening.attempt { () throws(StoreFault) in
            (
                try database.number("PRAGMA user_version"), try database.number("SELECT count(*) FROM users"),
                try database.number("SELECT count(*) FROM sessions WHERE ended_at IS NULL")
            )
        }
    }
}

extension Database {
    /// What is wrong in it, ten faults at most.
    fileprivate func faults() throws(StoreFault) -> [String] {
        let damage = try all("PRAGMA integrity_check(10)") { row throws(StoreFault) in row.text() }
        guard damage == ["ok"] else { return damage }
        return try all("SELECT rowid, \"table\", parent FROM pragma_foreign_key_check LIMIT 10") { row throws(StoreFault) in
            "row \(row.anyInteger()) of \(row.text()) belongs to a row of \(row.text()) that is not there"
        }
    }

    fileprivate func number(_ sql: StaticString) throws(StoreFault) -> Int64 {
        try first(sql) { row throws(StoreFault) in row.anyInteger() } ?? 0
    }
}
