import UsherModel

/// What a connection has begun and goes on with in later requests. There is one of its kind at a time, and it ends with its connection.
class UnderWay {
    let caller: Caller
    /// Whether a request of it is being carried out.
    var isBusy = true

    init(caller: Caller) { self.caller = caller }

    /// Whether its client has gone, and nothing is being carried out.
    var isAbandoned: Bool { caller.isGone && !isBusy }

    /// Goes on with it: it is busy from now on.
    /// - Parameter name: what it is called in messages.
    /// - Throws: `busy` if it is another connection's, or a request of it is being carried out.
    func claim(for other: Caller, named name: String) throws(UsherError) {
        guard caller === other, !isBusy else {
            throw UsherError(
                .busy,
                caller === other
                    ? "A request of this \(name) is being carried out: send them one after the other."
                    : "Another \(name) is under way; try again when it has ended.", detail: .retryAfterMilliseconds(1000))
        }
        isBusy = true
    }
}

extension AuthService {
    /// Whether there is an import or a backup whose client has gone.
    public var hasAbandonedWork: Bool { importUnderWay?.isAbandoned ?? false || backupUnderWay?.isAbandoned ?? false }

    /// Ends them, and gives back what they take up in the store: if that fails, when the next ones begin.
    public func endAbandonedWork() async {
        if importUnderWay?.isAbandoned ?? false {
            importUnderWay = nil
            try? await store.clearStage()
        }
        if backupUnderWay?.isAbandoned ?? false {
            backupUnderWay = nil
            try? await store.dropCopy()
        }
    }
}
