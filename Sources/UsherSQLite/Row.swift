import CSQLite
import UsherModel

/// The columns of a result row, read from the left to the right. Valid until the statement takes its next step.
@safe struct Row {
    private let statement: OpaquePointer
    private var column: Int32 = 0

    init(_ statement: OpaquePointer) { unsafe self.statement = statement }

    /// What a time, a count or a generation can be: sums of a few of them do not overflow, whatever somebody has written into the file.
    static let range: ClosedRange<Int64> = 0...(1 << 53)

    /// - Throws: for what is out of `range`.
    mutating func integer() throws(StoreFault) -> Int64 {
        let value = anyInteger()
        guard Self.range.contains(value) else {
            let name = unsafe sqlite3_column_name(statement, column - 1).map { unsafe String(cString: $0) } ?? "a column"
            let sql = unsafe sqlite3_sql(statement).map { unsafe String(cString: $0) } ?? ""
            throw .unreadable("\(name) is \(value), not from 0 to 2^53, in: \(sql)")
        }
        return value
    }

    /// One that nothing is reckoned with.
    mutating func anyInteger() -> Int64 {
        defer { column += 1 }
        return unsafe sqlite3_column_int64(statement, column)
    }

    mutating func flag() -> Bool { anyInteger() != 0 }

    mutating func optionalInteger() throws(StoreFault) -> Int64? {
        guard !isNull else {
            column += 1
            return nil
        }
        return try integer()
    }

    mutating func text() -> String {
        defer { column += 1 }
        guard let start = unsafe sqlite3_column_text(statement, column) else { return "" }
        let count = unsafe Int(sqlite3_column_bytes(statement, column))
        return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    mutating func optionalText() -> String? {
        guard !isNull else {
            column += 1
            return nil
        }
        return text()
    }

    mutating func id() throws(StoreFault) -> UUIDv7 {
        defer { column += 1 }
        guard let bytes = unsafe blob, bytes.count == 16 else { throw .unreadable("an id is not of 16 bytes") }
        return UUIDv7(
            high: UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    mutating func optionalID() throws(StoreFault) -> UUIDv7? {
        guard !isNull else {
            column += 1
            return nil
        }
        return try id()
    }

    mutating func bytes() -> [UInt8] {
        defer { column += 1 }
        return unsafe blob.map { unsafe Array($0) } ?? []
    }

    mutating func secret() throws(StoreFault) -> SharedSecret {
        defer { column += 1 }
        guard let bytes = unsafe blob else { throw .unreadable("a secret is empty") }
        return unsafe SharedSecret(SecretBytes(copying: bytes.assumingMemoryBound(to: UInt8.self).span))
    }

    private var isNull: Bool { unsafe sqlite3_column_type(statement, column) == SQLITE_NULL }

    private var blob: UnsafeRawBufferPointer? {
        guard let start = unsafe sqlite3_column_blob(statement, column) else { return nil }
        return unsafe UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }
}

/// A value to bind to a statement.
enum Value {
    case null
    case integer(Int64)
    case text(String)
    case id(UUIDv7)
    case bytes([UInt8])
    case secret(SharedSecret)

    static func flag(_ value: Bool) -> Value { .integer(value ? 1 : 0) }
    static func optional(_ value: Int64?) -> Value { value.map(Value.integer) ?? .null }
    static func optional(_ value: String?) -> Value { value.map(Value.text) ?? .null }

    /// - Returns: SQLite's result code.
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch self {
        case .null:
            return unsafe sqlite3_bind_null(statement, index)
        case .integer(let value):
            return unsafe sqlite3_bind_int64(statement, index, value)
        case .text(var value):
            return value.withUTF8 { bytes in
                // An empty buffer may have no address, which SQLite would take for NULL.
                guard let start = bytes.baseAddress else { return unsafe sqlite3_bind_text(statement, index, "", 0, nil) }
                return unsafe start.withMemoryRebound(to: CChar.self, capacity: bytes.count) { start in
                    unsafe sqlite3_bind_text(statement, index, start, Int32(bytes.count), copied)
                }
            }
        case .id(let value):
            let bytes = (value.high.bigEndian, value.low.bigEndian)
            return unsafe withUnsafeBytes(of: bytes) { bytes in
                unsafe sqlite3_bind_blob(statement, index, bytes.baseAddress, 16, copied)
            }
        case .bytes(let value):
            // An empty array may have no address, which SQLite would take for NULL.
            if value.isEmpty { return unsafe sqlite3_bind_zeroblob(statement, index, 0) }
            return unsafe sqlite3_bind_blob(statement, index, value, Int32(value.count), copied)
        case .secret(let value):
            return value.bytes.withBytes { bytes in
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe sqlite3_bind_blob(statement, index, bytes.baseAddress, Int32(bytes.count), copied)
                }
            }
        }
    }

    /// SQLITE_TRANSIENT: SQLite makes a copy before it returns.
    private var copied: sqlite3_destructor_type { unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}
