import UsherModel

extension Schema {
    /// Where each account was logged in to from last.
    static let knownAddresses: [StaticString] = [
        """
        CREATE TABLE known_addresses (
            user BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            address INTEGER NOT NULL,
            used_service INTEGER NOT NULL,
            PRIMARY KEY (user, address)
        ) STRICT, WITHOUT ROWID
        """
    ]
}

extension Transaction {
    /// None for nobody.
    func knownAddresses(of user: UserID?) throws(StoreFault) -> [AddressBlock] {
        let id = user?.uuid ?? UUIDv7(high: 0, low: 0)
        return try database.all("SELECT address FROM known_addresses WHERE user = ?", [.id(id)]) { row throws(StoreFault) in
            AddressBlock(bits: UInt64(bitPattern: row.anyInteger()))
        }
    }

    func forgetAddresses(of user: UserID) throws(StoreFault) {
        try database.run("DELETE FROM known_addresses WHERE user = ?", [.id(user.uuid)])
    }

    /// Keeps the address that a session was begun from; of all of its user, as many as are kept.
    func keepAddress(of session: Session) throws(StoreFault) {
        guard let address = session.client.address.map(AddressBlock.init) else { return }
        try database.run(
            """
            INSERT INTO known_addresses (user, address, used_service) VALUES (?, ?, ?)
            ON CONFLICT (user, address) DO UPDATE SET used_service = excluded.used_service
            """, [.id(session.user.uuid), .integer(Int64(bitPattern: address.bits)), .integer(time.now)])
        try database.run(
            """
            DELETE FROM known_addresses WHERE user = ?1 AND address IN (
                SELECT address FROM known_addresses WHERE user = ?1 AND address <> ?2
                ORDER BY used_service DESC LIMIT -1 OFFSET ?3)
            """,
            [.id(session.user.uuid), .integer(Int64(bitPattern: address.bits)), .integer(Int64(Limits.knownAddresses) - 1)])
    }
}
