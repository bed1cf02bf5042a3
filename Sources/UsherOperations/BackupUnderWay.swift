import UsherModel

extension AuthService {
    /// The backup of this connection, begun anew if it has one, busy from now on.
    /// - Throws: `busy` while there is another one, or a request of this one.
    func claimBackup(for caller: Caller) throws(UsherError) -> UnderWay {
        if let underWay = backupUnderWay, !underWay.isAbandoned {
            try underWay.claim(for: caller, named: "backup")
            return underWay
        }
        let new = UnderWay(caller: caller)
        backupUnderWay = new
        return new
    }

    /// Ends it; what it takes up in the store is given back, if that fails, when the next one begins.
    func end(_ ended: UnderWay) async {
        if backupUnderWay === ended { backupUnderWay = nil }
        try? await store.dropCopy()
    }
}
