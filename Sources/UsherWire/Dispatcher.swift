public import UsherJSON
import UsherModel
public import UsherOperations

/// From a line to a reply: reads the request, finds its operation, and carries it out, or hands out what is left to be done.
public struct Dispatcher: ~Copyable {
    private var reader = JSONReader(nesting: Limits.nesting)
    private let operations = Registry.operations
    private let names = Registry.operations.map { Array($0.name.utf8) }
    private let bare = BareWord()

    public init() {}

    public enum Verdict {
        /// The reply is written.
        case answered
        /// The reply comes later.
        case deferred(PendingRequest)
        /// The line has no id and must wait for those before it: nothing was done or written; ask again with the same line.
        case mustWait
    }

    /// - Parameters:
    ///   - line: without its line end, and not blank.
    ///   - rights: the caller's.
    ///   - mayRunInOrder: whether all earlier requests without id of this connection have been answered.
    ///   - writer: where a reply goes, if there is one by now.
    public mutating func dispatch(
        _ line: Span<UInt8>, from caller: Caller, with rights: Rights, mayRunInOrder: Bool, service: AuthService,
        writer: inout JSONWriter
    ) -> Verdict {
        if let json = bare.json(of: line) {
            return dispatch(
                json.span, from: caller, with: rights, mayRunInOrder: mayRunInOrder, service: service, writer: &writer)
        }
        var id: RequestID?
        var number: Int?
        let start = writer.count
        do throws(UsherError) {
            try read(line)
            id = try RequestID(of: reader, in: line)
            if id == nil, !mayRunInOrder { return .mustWait }
            if rights.isRated { try service.count(caller, rights) }
            let found = try self.operation(in: line)
            number = found
            let operation = operations[found]
            guard rights.operations.contains(found) else {
                guard operation.isAllowed(at: caller.place) else {
                    throw UsherError(
                        .forbiddenOp, "\(operation.name) is for administrators: it is answered on the admin socket alone.")
                }
                throw rights.refusal(of: operation)
            }
            switch operation.run {
            case .immediate(let run):
                writer.beginSuccess(id)
                if service.tally.isTimed(found) {
                    let begun = service.clock.monotonicNanoseconds()
                    defer { service.time(found, since: begun) }
                    try run(reader, line, rights, service, &writer)
                } else {
                    try run(reader, line, rights, service, &writer)
                }
                writer.endReply()
                service.tally.countGranted(found)
                service.note(nil, operation, id, caller)
                return .answered
            case .deferred(let read):
                let request = try read(reader, line, rights, service)
                return .deferred(PendingRequest(id: id, operation: found, request: request, service))
            }
        } catch {
            // What cannot be read has no id, and waits like all that has none.
            if id == nil, !mayRunInOrder { return .mustWait }
            writer.takeBack(to: start)
            let error = service.referenced(error)
            service.note(error, number.map { operations[$0] }, id, caller)
            service.tally.countRefused(number ?? service.tally.unknown, error.code)
            writer.writeFailure(error, id)
            return .answered
        }
    }

    private mutating func read(_ line: Span<UInt8>) throws(UsherError) {
        do throws(JSONFault) {
            try reader.read(line)
        } catch {
            throw UsherError(.badRequest, "\(error.reason.rawValue), at byte \(error.offset).", detail: .offset(error.offset))
        }
    }

    /// The number of the operation that a line asks for.
    private func operation(in line: Span<UInt8>) throws(UsherError) -> Int {
        guard let value = reader.value("op", in: line) else { throw .missingField("op") }
        guard value.kind == .string else {
            throw UsherError(.badRequest, "The member \"op\" must be a string.", detail: .offset(value.range.lowerBound))
        }
        if value.isEscaped {
            let name = value.bytes(in: line)
            return try operation(named: name.span)
        }
        return try operation(named: line.extracting(value.content))
    }

    private func operation(named name: Span<UInt8>) throws(UsherError) -> Int {
        for index in names.indices where isSameInAnyCase(names[index], name) { return index }
        throw UsherError(.unknownOp)
    }
}

extension AuthService {
    /// Keeps how long a request took that has been answered.
    /// - Parameter begun: in monotonic nanoseconds.
    @inline(never) fileprivate func time(_ operation: Int, since begun: Int64) {
        tally.time(operation, max(clock.monotonicNanoseconds() - begun, 0))
    }
}

/// A request that waits for the hash pool or the store.
public struct PendingRequest: Sendable {
    private let id: RequestID?
    /// Its number.
    private let operation: Int
    private let request: any DeferredRequest
    /// In monotonic nanoseconds.
    private let begun: Int64

    init(id: RequestID?, operation: Int, request: any DeferredRequest, _ service: AuthService) {
        self.id = id
        self.operation = operation
        self.request = request
        begun = service.clock.monotonicNanoseconds()
        service.tally.begin()
    }

    /// More than a pair of tokens needs, in bytes.
    private static let usualReply = 2_048

    /// Whether later requests of its connection must wait for it.
    public var isOrdered: Bool { id == nil }

    /// Carries it out and returns the reply, a line.
    public func answer(from caller: Caller, service: AuthService) async -> [UInt8] {
        let attempt = Attempt(caller: caller)
        let known = Registry.operations[operation]
        var writer = JSONWriter()
        do throws(UsherError) {
            let output = try await request.perform(on: service, as: attempt)
            writer = JSONWriter(capacity: Self.usualReply)
            writer.beginSuccess(id)
            output.write(to: &writer)
            writer.write(attempt.allowance)
            writer.endReply()
            service.note(nil, known, id, attempt)
            service.tally.countGranted(operation)
        } catch {
            let error = service.referenced(error)
            service.note(error, known, id, attempt)
            service.tally.countRefused(operation, error.code)
            writer.writeFailure(error, id, attempt.allowance)
        }
        service.time(operation, since: begun)
        service.tally.end()
        return writer.bytes
    }
}

/// - Parameter known: in capital letters.
private func isSameInAnyCase(_ known: [UInt8], _ name: Span<UInt8>) -> Bool {
    guard known.count == name.count else { return false }
    for index in known.indices where known[index] != name[index] && known[index] | 0x20 != name[index] { return false }
    return true
}
