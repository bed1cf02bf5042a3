import UsherJSON
import UsherModel

/// IMPORT: users that come from elsewhere, with the password hashes that they have. They are sent in batches, which nobody sees until all of
/// them are made accounts of at once.
struct Import: DeferredRequest {
    static let operation = Operation(
        name: "IMPORT",
        summary: "Bring users along with their password hashes: send them in batches, then commit all of them or none.",
        members: [
            .init("users", "list of objects: a batch; or give \"commit\""),
            .init("line", "integer, optional: the line that the first of them has in its file; by default the next one"),
            .init("commit", "integer: how many users were sent in all on this connection; they are made accounts of now"),
        ],
        example: #"{"op":"IMPORT","line":1,"users":[{"username":"ada","email":"ada@example.org","password_hash":"$2y$12$..."}]}"#,
        event: nil, place: .admin,
        run: .deferred { request, line, _, _ throws(UsherError) in
            try Import(reading: request, line)
        })

    private enum Step: Sendable {
        /// - Parameter users: a JSON array.
        case batch(users: [UInt8], line: Int?)
        case commit(Int)
    }

    private let step: Step

    init(reading request: borrowing JSONReader, _ line: Span<UInt8>) throws(UsherError) {
        let users = request.value("users", in: line)
        if let commit = try request.integer("commit", in: line, 1...Int64(Limits.importUsers)) {
            guard users == nil else { throw .invalidField("commit", "Give either \"users\" or \"commit\", not both.") }
            step = .commit(Int(commit))
            return
        }
        guard let users else { throw .missingField("users") }
        guard users.kind == .array else { throw .invalidField("users", "The member \"users\" must be a list of objects.") }
        step = .batch(
            users: users.range.map { line[$0] },
            line: try request.integer("line", in: line, 1...1 << 31).map { Int($0) })
    }

    func perform(on service: AuthService, as attempt: Attempt) async throws(UsherError) -> any Output {
        switch step {
        case .batch(let users, let line):
            let underWay = try await service.claimImport(for: attempt.caller)
            defer { underWay.isBusy = false }
            return Staged(count: try await stage(users, line: line ?? underWay.count + 1, in: underWay, service, attempt.caller))
        case .commit(let count):
            attempt.finding = .imported
            try await commit(count, service, attempt)
            attempt.remark = "\(count.grouped) users"
            return Committed(count: count)
        }
    }

    private func stage(
        _ text: [UInt8], line: Int, in underWay: ImportUnderWay, _ service: AuthService, _ caller: Caller
    ) async throws(UsherError) -> Int {
        let (now, moment, random) = (service.clock.now(), underWay.nextMoment(by: service.clock), service.random)
        // There the hasher is, and there it may take its time.
        let accounts = try await service.workers.run(for: caller) { hasher throws(UsherError) in
            try ImportedUsers(hasher: hasher, now: now).parse(text, line: line) {
                UUIDv7(milliseconds: moment, random: random.words())
            }
        }
        guard underWay.count + accounts.count <= Limits.importUsers else {
            throw .invalidField("users", "An import may have \(Limits.importUsers.grouped) users: divide it into several.")
        }
        for (index, account) in accounts.enumerated() {
            guard service.fitsToken(account.account.user) else {
                throw .invalidField("claims", Self.tooLong).at(line: account.line)
            }
            // Others have their turn.
            if index % 64 == 63 { await Task.yield() }
        }
        let staged: Int
        do throws(UsherError) {
            staged = try await service.store.stage(accounts)
        } catch {
            if error.code.isOurs { service.endImport(underWay) }
            throw error
        }
        underWay.count += accounts.count
        guard staged == underWay.count else {
            service.endImport(underWay)
            throw .storeUnavailable(cause: "the store failed in the middle of an import, and has forgotten what was staged")
        }
        return staged
    }

    private static let tooLong =
        "With these claims, permissions and names the access token would be longer than \(Limits.accessToken) bytes."

    private func commit(_ count: Int, _ service: AuthService, _ attempt: Attempt) async throws(UsherError) {
        let mismatch = "this connection has sent"
        guard let underWay = service.importUnderWay, underWay.caller === attempt.caller else {
            throw .invalidField("commit", "\(count.grouped) users are to be committed, and \(mismatch) none.")
        }
        guard !underWay.isBusy else { throw .busy }
        underWay.isBusy = true
        defer { underWay.isBusy = false }
        let outcome: StageOutcome
        do throws(UsherError) {
            let entry = service.act(Self.operation, of: attempt)
                .entry(on: nil, Event.Change(before: nil) { $0.member("users", Int64(count)) })
            outcome = try await service.store.commitStage(of: count) { $0 == .committed ? entry : nil }
        } catch {
            if error.code != .busy { service.endImport(underWay) }
            throw error
        }
        service.endImport(underWay)
        switch outcome {
        case .committed: return
        case .otherCount(let staged):
            throw .invalidField(
                "commit",
                "\(count.grouped) users are to be committed, and \(mismatch) \(staged.grouped) good ones: none is imported.")
        case .taken(let line, let field): throw .taken(field, line: line)
        }
    }

    private struct Staged: Output {
        let count: Int
        func write(to writer: inout JSONWriter) { writer.member("staged", Int64(count)) }
    }

    private struct Committed: Output {
        let count: Int
        func write(to writer: inout JSONWriter) { writer.member("imported", Int64(count)) }
    }
}
