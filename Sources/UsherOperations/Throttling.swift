public import UsherModel
import UsherToken

// What operations ask of the throttle, and how it outlives the process.
extension AuthService {
    // MARK: LOGIN

    /// A LOGIN that was let in and counts as one that failed, until its conclusion.
    struct Admission {
        fileprivate let keys: [ThrottleKey]
        fileprivate let reservation: Throttle.Reservation
        fileprivate let subject: UUIDv7
    }

    /// How a LOGIN ended, for those who count.
    enum Conclusion {
        case right, wrong
        /// Nobody knows whether its password was good for a session.
        case unknown
    }

    /// Counts a LOGIN before its password is looked at. A name that no account has counts like one that an account has.
    ///
    /// Without the end user's address only the account counts: the attempts of all would share what one address may do, and one attacker
    /// could use it up. An address from which the account was logged in to before is exempt from the account's rule: whoever makes
    /// attempts on it in vain does not keep its user out.
    /// - Throws: `rate_limited`.
    func admit(_ name: String, _ found: Lookup, _ attempt: Attempt) throws(UsherError) -> Admission {
        let subject = found.account?.user.id.uuid ?? subject(of: name)
        let address = attempt.client.address.map(AddressBlock.init)
        var keys: [ThrottleKey] = []
        if let address {
            keys = [ThrottleKey(.pair, subject: subject, address: address), ThrottleKey(.address, address: address)]
        }
        if address.map({ !found.knownAddresses.contains($0) }) ?? true { keys.append(ThrottleKey(.account, subject: subject)) }
        let now = clock.monotonicMilliseconds()
        do throws(Throttle.Refusal) {
            return Admission(keys: keys, reservation: try throttle.reserve(keys, at: now), subject: subject)
        } catch {
            attempt.allowance = error.allowance
            throw error.told(to: attempt)
        }
    }

    /// Gives back what does not count, and tells the attempt what is left.
    func conclude(_ admission: Admission, _ conclusion: Conclusion, _ attempt: Attempt) {
        switch conclusion {
        case .right:
            throttle.refund(admission.reservation, [.address])
            for key in admission.keys where key.kind == .pair { throttle.clear(key) }
            throttle.clear(ThrottleKey(.account, subject: admission.subject))
        case .wrong: break
        case .unknown: throttle.refund(admission.reservation)
        }
        attempt.allowance = throttle.allowance(admission.keys, at: clock.monotonicMilliseconds())
    }

    /// Carries out what fails with `invalid_credentials` and then counts: a step of a LOGIN, or whatever asks for the password as it does.
    /// A right password to which a code lacks yet clears nothing: what failed before stays.
    /// - Throws: as `admit`; what `body` throws.
    func throttled<Answer>(
        _ name: String, _ found: Lookup, _ attempt: Attempt, _ body: () async throws(UsherError) -> Answer
    ) async throws(UsherError) -> Answer {
        let admission = try admit(name, found, attempt)
        do throws(UsherError) {
            let answer = try await body()
            conclude(admission, .right, attempt)
            return answer
        } catch {
            conclude(admission, error.code == .invalidCredentials ? .wrong : .unknown, attempt)
            throw error
        }
    }

    /// What stands for a name that no account has. It tells nothing of the name to who has not the secret: people type passwords there.
    private func subject(of name: String) -> UUIDv7 {
        // No token begins so: what is signed here can be none.
        let message = Array("a throttle for \(name)".utf8)
        let bytes = issuer.refreshKey.sign(message.span)
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return UUIDv7(high: number(0..<8), low: number(8..<16))
    }

    /// Forgets all LOGINs that failed on an account, whoever made them: its password is a new one.
    func clearThrottle(of user: UserID) async {
        for part in 0..<throttle.partCount {
            throttle.clear(user.uuid, part: part)
            // Others have their turn between the parts.
            await Task.yield()
        }
    }

    // MARK: Operations that are counted by address

    /// Carries out what one address may do only so often. Without an address it may be done: nobody's allowance is shared.
    /// - Parameters:
    ///   - failures: what counts.
    ///   - success: whether success counts, too.
    /// - Throws: `rate_limited`; what `body` throws.
    func perAddress<Answer>(
        _ kind: ThrottleKey.Kind, _ attempt: Attempt, counting failures: Set<UsherError.Code>, andSuccess success: Bool = true,
        _ body: () async throws(UsherError) -> Answer
    ) async throws(UsherError) -> Answer {
        guard let address = attempt.client.address.map(AddressBlock.init) else { return try await body() }
        let reservation = try reserve(ThrottleKey(kind, address: address), attempt)
        do throws(UsherError) {
            let answer = try await body()
            if !success { throttle.refund(reservation) }
            return answer
        } catch {
            if !failures.contains(error.code) { throttle.refund(reservation) }
            throw error
        }
    }

    // MARK: Other operations

    /// Counts a request of an account's own: without a bound, one account could use up the store.
    /// - Throws: `rate_limited`.
    func countRequest(of user: UserID, _ attempt: Attempt) throws(UsherError) {
        _ = try reserve(ThrottleKey(.request, subject: user.uuid), attempt)
    }

    /// Counts a request that comes with a one-time token, good or not, if the address is known.
    /// - Throws: `rate_limited`.
    func countRequest(from address: IPAddress?, _ attempt: Attempt) throws(UsherError) {
        guard let address else { return }
        _ = try reserve(ThrottleKey(.request, address: AddressBlock(address)), attempt)
    }

    private func reserve(_ key: ThrottleKey, _ attempt: Attempt) throws(UsherError) -> Throttle.Reservation {
        do throws(Throttle.Refusal) {
            return try throttle.reserve([key], at: clock.monotonicMilliseconds())
        } catch {
            throw error.told(to: attempt)
        }
    }

    // MARK: Outliving the process

    /// Goes on with what the store has. To be called before the first attempt.
    public func restoreThrottle() async throws(UsherError) {
        throttle.restore(try await store.throttles(), at: clock.monotonicMilliseconds())
    }

    public var hasThrottleChanges: Bool { throttle.hasChanges }

    /// Writes what has changed since the last time.
    /// - Returns: whether the store took it; what it did not take is written the next time.
    public func writeThrottle() async -> Bool {
        while true {
            let records = throttle.takeChanges(most: Limits.throttleBatch, at: clock.monotonicMilliseconds())
            guard !records.isEmpty else { return true }
            do throws(UsherError) {
                try await store.keep(records)
            } catch {
                // The store says in the journal that it fails.
                throttle.putBack(records)
                return false
            }
            // What came meanwhile can wait.
            guard records.count == Limits.throttleBatch else { return true }
        }
    }

    func purgeThrottle() async {
        for part in 0..<throttle.partCount where throttle.purge(part: part, at: clock.monotonicMilliseconds()) {
            await Task.yield()
        }
    }
}

extension Throttle.Refusal {
    /// The error, and a remark for the journal.
    fileprivate func told(to attempt: Attempt) -> UsherError {
        attempt.remark =
            switch kind {
            case .account: "too many failures of this account in a row"
            case .address: "too many failures from this address"
            case .pair: "too many failures of this account from this address"
            case .register, .recover: "too many from this address"
            case .request: "too many requests in a minute"
            case nil: "all that throttle.max_buckets counts has reached its limit"
            }
        return UsherError(.rateLimited, detail: .retryAfter(max(seconds(wait), 1)))
    }
}
