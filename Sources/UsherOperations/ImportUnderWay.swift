import UsherModel
import UsherToken

/// The import that a connection has begun and not ended. There is one at a time, and it ends with its connection.
final class ImportUnderWay {
    let caller: Caller
    /// Users that are staged.
    var count = 0
    /// What the new ids of its last batch say when they were made, in milliseconds.
    private var lastMoment: Int64 = 0
    /// Whether a request of it is being carried out.
    var isBusy = true

    init(caller: Caller) { self.caller = caller }

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
        if let underWay = importUnderWay, underWay.isBusy || !underWay.caller.isGone {
            guard underWay.caller === caller, !underWay.isBusy else {
                throw UsherError(
                    .busy,
                    underWay.caller === caller
                        ? "A request of this import is being carried out: send them one after the other."
                        : "Another import is under way; try again when it has ended.", detail: .retryAfterMilliseconds(1000))
            }
            underWay.isBusy = true
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

    /// Whether there is an import whose client has gone.
    public var hasAbandonedImport: Bool {
        guard let importUnderWay else { return false }
        return importUnderWay.caller.isGone && !importUnderWay.isBusy
    }

    /// Ends it, and gives back what it takes up in the store: if that fails, when the next import begins.
    public func endAbandonedImport() async {
        guard hasAbandonedImport else { return }
        importUnderWay = nil
        try? await store.clearStage()
    }

    /// Whether an access token of the user is short enough, whatever the audience.
    func fitsToken(_ user: User) -> Bool { issuer.fits(user) }
}
