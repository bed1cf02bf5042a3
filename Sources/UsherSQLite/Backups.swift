public import UsherModel

extension SQLiteStore {
    public func makeCopy(audit: @escaping AuditNote<Void>) async throws(UsherError) -> Int {
        try await perform(audit) { [copyPath] transaction throws(StoreFault) in
            transaction.database.copy = nil
            transaction.database.copy = try DatabaseCopy(of: transaction.database, at: copyPath)
        }
        // The store's thread copies some pages behind each batch, and so behind each of these.
        while true {
            let size = try await perform { transaction throws(StoreFault) in
                try transaction.copy { copy throws(UsherError) in try copy.size() }
            }
            if let size { return size }
        }
    }

    public func readCopy(at offset: Int, most: Int) async throws(UsherError) -> [UInt8] {
        try await perform { transaction throws(StoreFault) in
            try transaction.copy { copy throws(UsherError) in try copy.read(at: offset, most: most) }
        }
    }

    public func dropCopy() async throws(UsherError) {
        try await perform { transaction throws(StoreFault) in transaction.database.copy = nil }
    }

    public func tokensBefore() async throws(UsherError) -> NumericDate? {
        try await perform { transaction throws(StoreFault) in try transaction.database.tokensBefore() }
    }
}

extension Transaction {
    fileprivate func copy<Answer>(_ body: (DatabaseCopy) throws(UsherError) -> Answer) throws(StoreFault) -> Answer {
        do throws(UsherError) {
            guard let copy = database.copy else { throw .storeUnavailable(cause: "there is no copy") }
            return try body(copy)
        } catch {
            throw .refused(error)
        }
    }
}

extension Database {
    func tokensBefore() throws(StoreFault) -> NumericDate? {
        try first("SELECT value FROM meta WHERE name = 'tokens_before'") { row throws(StoreFault) in try row.integer() }
    }

    /// What a restored database must not know any more: one-time tokens, which may have been used since; and, unless they are kept, its
    /// sessions, whose refresh tokens are refused then, and access tokens issued before `moment`.
    func forgetWhatWasIssued(before moment: NumericDate?) throws(StoreFault) {
        try run("BEGIN IMMEDIATE")
        try run("DELETE FROM one_time_tokens")
        if let moment {
            try run("DELETE FROM sessions")
            try run(
                """
                INSERT INTO meta (name, value) VALUES ('tokens_before', ?1)
                ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)
                """, [.integer(moment)])
        }
        try run("COMMIT")
    }
}
