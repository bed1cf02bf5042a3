public import UsherModel

extension Schema {
    /// What attempts are counted by. `since_service` is when counting began; `subject` and `address` are zero where the kind has none.
    static let throttles: [StaticString] = [
        """
        CREATE TABLE throttles (
            kind INTEGER NOT NULL,
            subject BLOB NOT NULL,
            address INTEGER NOT NULL,
            count INTEGER NOT NULL,
            since_service INTEGER NOT NULL,
            PRIMARY KEY (kind, subject, address)
        ) STRICT, WITHOUT ROWID
        """
    ]
}

extension SQLiteStore {
    public func throttles() async throws(UsherError) -> [ThrottleRecord] {
        try await perform { transaction throws(StoreFault) in try transaction.throttles() }
    }

    public func keep(_ throttles: [ThrottleRecord]) async throws(UsherError) {
        try await perform { transaction throws(StoreFault) in
            for throttle in throttles { try transaction.keep(throttle) }
        }
    }
}

extension Transaction {
    func throttles() throws(StoreFault) -> [ThrottleRecord] {
        try database.all("SELECT kind, subject, address, count, since_service FROM throttles") { row throws(StoreFault) in
            guard let kind = ThrottleKey.Kind(rawValue: Int(row.anyInteger())) else { throw .unreadable("a throttle's kind") }
            let subject = try row.id()
            let address = row.anyInteger()
            let key = ThrottleKey(
                kind, subject: subject, address: kind == .account ? nil : AddressBlock(bits: UInt64(bitPattern: address)))
            return ThrottleRecord(key: key, count: Int(try row.integer()), age: max(time.now - (try row.integer()), 0))
        }
    }

    func keep(_ throttle: ThrottleRecord) throws(StoreFault) {
        let key: [Value] = [
            .integer(Int64(throttle.key.kind.rawValue)), .id(throttle.key.subject),
            .integer(Int64(bitPattern: throttle.key.address?.bits ?? 0)),
        ]
        guard throttle.count > 0 else {
            return try database.run("DELETE FROM throttles WHERE kind = ? AND subject = ? AND address = ?", key)
        }
        try database.run(
            """
            INSERT INTO throttles (kind, subject, address, count, since_service) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (kind, subject, address) DO UPDATE SET count = excluded.count, since_service = excluded.since_service
            """, key + [.integer(Int64(throttle.count)), .integer(max(time.now - throttle.age, 0))])
    }
}
