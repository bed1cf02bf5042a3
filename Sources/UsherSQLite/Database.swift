import CSQLite
import UsherModel

/// One connection to SQLite, with its prepared statements. Belongs to one thread at a time.
@safe final class Database {
    let raw: OpaquePointer
    private var statements: [UnsafePointer<UInt8>: OpaquePointer] = unsafe [:]
    /// Where the WAL hook leaves the number of frames.
    private let frames: UnsafeMutablePointer<Int32>

    /// A copy of it that is being made, or was.
    var copy: DatabaseCopy?

    /// Where it lies; nil where it is not in files of the system.
    var place: DatabasePlace?

    /// Opens the file, and looks at nothing in it yet.
    convenience init(path: String, vfs: String?) throws(DatabaseError) {
        // Debian's SQLite takes names that begin with "file:" for URIs.
        let name = path.hasPrefix("file:") ? "./" + path : path
        // The default VFS finds the file already created, with its mode; another VFS has to create it.
        let creating = vfs == nil ? 0 : SQLITE_OPEN_CREATE
        try self.init(name: name, vfs: vfs, SQLITE_OPEN_READWRITE | creating)
    }

    /// Opens a file that nobody writes, without touching anything in its folder.
    convenience init(immutable path: String) throws(DatabaseError) {
        let absolute = path.hasPrefix("/") ? path : "./" + path
        try self.init(name: "file:\(absolute.uriPath)?immutable=1", vfs: nil, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI)
    }

    /// SQLite counts what it allocates, behind a lock that is taken some sixty times for a REFRESH, unless that is forbidden before it is used.
    /// (Where something else has used it before, it goes on counting.)
    private static let isSetUp: Bool = usher_sqlite_keep_no_memory_statistics() == SQLITE_OK

    private init(name: String, vfs: String?, _ more: Int32) throws(DatabaseError) {
        _ = Self.isSetUp
        let flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | more
        var opened: OpaquePointer?
        let code =
            if let vfs { unsafe sqlite3_open_v2(name, &opened, flags, vfs) } else {
                unsafe sqlite3_open_v2(name, &opened, flags, nil)
            }
        guard code == SQLITE_OK, let opened = unsafe opened else {
            let error = unsafe DatabaseError(
                code: code, message: String(cString: sqlite3_errstr(code)),
                systemError: opened.map { unsafe sqlite3_system_errno($0) } ?? 0, statement: "opening")
            unsafe sqlite3_close(opened)
            throw error
        }
        unsafe raw = opened
        unsafe frames = .allocate(capacity: 1)
        unsafe frames.initialize(to: 0)
        // Takes the place of SQLite's own automatic checkpoint, which would run between COMMIT and the replies.
        unsafe sqlite3_wal_hook(
            raw,
            { context, _, _, count in
                unsafe context?.assumingMemoryBound(to: Int32.self).pointee = count
                return SQLITE_OK
            }, frames)
    }

    /// Checkpoints, removes the WAL, and closes; what of that fails is made good by the next opening.
    deinit {
        copy = nil
        while let statement = unsafe sqlite3_next_stmt(raw, nil) { unsafe sqlite3_finalize(statement) }
        unsafe sqlite3_close(raw)
        unsafe frames.deallocate()
    }

    /// Rows that were changed since the connection was opened, those rolled back included.
    var totalChanges: Int64 { unsafe sqlite3_total_changes64(raw) }

    /// Rows that the last statement changed.
    var changes: Int64 { unsafe sqlite3_changes64(raw) }

    /// Whether the file could be opened for reading alone.
    var isReadOnly: Bool { unsafe sqlite3_db_readonly(raw, "main") == 1 }

    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(raw) == 0 }

    /// Frames that the WAL held after the last commit.
    var walFrames: Int32 { unsafe frames.pointee }

    enum Checkpoint {
        /// Copies all of the WAL into the database, so that it is written from its beginning again.
        case passive
        /// The same, and cuts the WAL to nothing.
        case truncate
    }

    func checkpoint(_ kind: Checkpoint) throws(StoreFault) {
        let mode =
            switch kind {
            case .passive: SQLITE_CHECKPOINT_PASSIVE
            case .truncate: SQLITE_CHECKPOINT_TRUNCATE
            }
        let code = unsafe sqlite3_wal_checkpoint_v2(raw, nil, mode, nil, nil)
        guard code == SQLITE_OK else { throw .database(failure(code, "checkpoint")) }
        unsafe frames.pointee = 0
    }

    /// Runs a statement that is worth keeping prepared; `read` sees each row of its result.
    func each(_ sql: StaticString, _ values: [Value] = [], _ read: (inout Row) throws(StoreFault) -> Void) throws(StoreFault) {
        let statement = unsafe try prepared(sql)
        defer {
            unsafe sqlite3_reset(statement)
            unsafe sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() {
            let code = unsafe value.bind(to: statement, at: Int32(index + 1))
            guard code == SQLITE_OK else { throw .database(failure(code, "\(sql)")) }
        }
        while true {
            let code = unsafe sqlite3_step(statement)
            switch code {
            case SQLITE_ROW:
                var row = unsafe Row(statement)
                try read(&row)
            case SQLITE_DONE: return
            default: throw .database(failure(code, "\(sql)"))
            }
        }
    }

    func run(_ sql: StaticString, _ values: [Value] = []) throws(StoreFault) {
        try each(sql, values) { (_) throws(StoreFault) in }
    }

    /// The first row, or nil.
    func first<Answer>(
        _ sql: StaticString, _ values: [Value] = [], _ read: (inout Row) throws(StoreFault) -> Answer
    ) throws(StoreFault) -> Answer? {
        var answer: Answer?
        try each(sql, values) { row throws(StoreFault) in
            if answer == nil { answer = try read(&row) }
        }
        return answer
    }

    func all<Answer>(
        _ sql: StaticString, _ values: [Value] = [], _ read: (inout Row) throws(StoreFault) -> Answer
    ) throws(StoreFault) -> [Answer] {
        var answers: [Answer] = []
        try each(sql, values) { row throws(StoreFault) in answers.append(try read(&row)) }
        return answers
    }

    private func prepared(_ sql: StaticString) throws(StoreFault) -> OpaquePointer {
        if let statement = unsafe statements[sql.utf8Start] { return unsafe statement }
        var statement: OpaquePointer?
        let code = unsafe sql.utf8Start.withMemoryRebound(to: CChar.self, capacity: sql.utf8CodeUnitCount) { text in
            unsafe sqlite3_prepare_v3(
                raw, text, Int32(sql.utf8CodeUnitCount), UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        }
        guard code == SQLITE_OK, let statement = unsafe statement else { throw .database(failure(code, "\(sql)")) }
        unsafe statements[sql.utf8Start] = unsafe statement
        return unsafe statement
    }

    func failure(_ code: Int32, _ statement: String) -> DatabaseError {
        unsafe DatabaseError(
            code: code, message: String(cString: sqlite3_errmsg(raw)), systemError: sqlite3_system_errno(raw),
            statement: statement)
    }
}

extension String {
    /// As the path of a URI has it (RFC 3986 §3.3).
    fileprivate var uriPath: String {
        utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                String(UnicodeScalar(byte))
            default: (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }.joined()
    }
}
