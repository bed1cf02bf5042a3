public import UsherModel

extension InMemoryStore {
    public func throttles() async throws(UsherError) -> [ThrottleRecord] {
        let now = serviceTime.now
        return try perform { state throws(UsherError) in
            state.throttles.map { ThrottleRecord(key: $0.key, count: $0.value.count, age: now - $0.value.since) }
        }
    }

    public func keep(_ throttles: [ThrottleRecord]) async throws(UsherError) {
        let now = serviceTime.now
        try perform { state throws(UsherError) in
            for throttle in throttles {
                state.throttles[throttle.key] = throttle.count > 0 ? (throttle.count, max(now - throttle.age, 0)) : nil
            }
        }
    }
}

extension InMemoryStore.State {
    /// The latest comes last.
    mutating func keepAddress(of session: Session) {
        guard let address = session.client.address.map(AddressBlock.init) else { return }
        let others = knownAddresses[session.user, default: []].filter { $0 != address }
        knownAddresses[session.user] = (others + [address]).suffix(Limits.knownAddresses)
    }
}
