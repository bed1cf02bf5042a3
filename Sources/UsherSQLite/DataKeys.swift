import UsherModel

extension Schema {
    /// At most one row: the identifier of the data key that the secrets of `second_factors` are sealed under.
    static let dataKey: [StaticString] = ["CREATE TABLE data_key (id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID"]
}

extension Database {
    /// Makes sure that what is sealed is sealed under this data key. Where nothing that is in force was sealed under the one before, the
    /// new one takes its place.
    /// - Returns: the key that it would have to be, where it is not that one.
    func claim(dataKey: String) throws(StoreFault) -> String? {
        let stored = try first("SELECT id FROM data_key") { row throws(StoreFault) in row.text() }
        if stored == dataKey { return nil }
        if let stored {
            let isInUse = try first("SELECT 1 FROM second_factors WHERE confirmed_at IS NOT NULL LIMIT 1") {
                (_) throws(StoreFault) in true
            }
            if isInUse == true { return stored }
        }
        try run("BEGIN IMMEDIATE")
        if stored != nil { try run("DELETE FROM second_factors") }
        try run("DELETE FROM data_key")
        try run("INSERT INTO data_key (id) VALUES (?)", [.text(dataKey)])
        try run("COMMIT")
        return nil
    }
}
