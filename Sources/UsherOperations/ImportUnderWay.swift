import UsherModel
import UsherToken

final class ImportUnderWay: UnderWay {
    /// Users that are staged.
    var count = 0
    /// What the new ids of its last batch say when they were made, in milliseconds.
    private var lastMoment: Int64 = 0

    /// What the new ids of the next batch are to say: no two batches say the same, so that all are in the order of the file.
    func nextMoment(by clock: any Clock) -> Int64 {
        lastMoment = max(clock.wallMilliseconds(), lastMoment + 1)
        return lastMoment
    }
}

extension AuthService {
    /// The import of this connection, begun if there is none, busy from now on.
    /// - Throws: `busy` while there is another one, or a request of this one.
    func claimImport(for caller: Caller) async throws(UsherError) -> ImportUnderWay {
        if let underWay = importUnderWay, !underWay.isAbandoned {
            try underWay.claim(for: caller, named: "import")
            return underWay
        }
        let new = ImportUnderWay(caller: caller)
        importUnderWay = new
        do throws(UsherError) {
            try await store.clearStage()
        } catch {
            endImport(new)
            throw error
        }
        return new
    }

    func endImport(_ ended: ImportUnderWay) {
        if importUnderWay === ended { importUnderWay = nil }
    }

    /// Whether an access token of the user is short enough, whatever the audience.
    func fitsToken(_ user: User) -> Bool { issuer.fits(user) }
}
