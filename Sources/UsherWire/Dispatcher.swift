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
        var operation: Operation?
        let start = writer.count
        do throws(UsherError) {
            try read(line)
            id = try RequestID(of: reader, in: line)
            if id == nil, !mayRunInOrder { return .mustWait }
            if rights.isRated { try service.count(caller, rights) }
            let index = try self.operation(in: line)
            let found = operations[index]
            operation = found
            guard rights.operations.contains(index) else {
                guard found.isAllowed(at: caller.place) else {
                    throw UsherError(
                        .forbiddenOp, "\(found.name) is for administrators: it is answered on the admin socket alone.")
                }
                throw rights.refusal(of: found)
            }
            switch found.run {
            case .immediate(let run):
                writer.beginSuccess(id)
                try run(reader, line, rights, service, &writer)
                writer.endReply()
                service.note(nil, found, id, caller)
                return .answered
            case .deferred(let read):
                return .deferred(PendingRequest(id: id, operation: found, request: try read(reader, line, rights, service)))
            }
        } catch {
            // What cannot be read has no id, and waits like all that has none.
            if id == nil, !mayRunInOrder { return .mustWait }
            writer.takeBack(to: start)
            let error = service.referenced(error)
            service.note(error, operation, id, caller)
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

    /// Which of them it is.
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

/// A request that waits for the hash pool or the store.
public struct PendingRequest: Sendable {
    private let id: RequestID?
    private let operation: Operation
    private let request: any DeferredRequest

    init(id: RequestID?, operation: Operation, request: any DeferredRequest) {
        self.id = id
        self.operation = operation
        self.request = request
    }

    /// Whether later requests of its connection must wait for it.
    public var isOrdered: Bool { id == nil }

    /// Carries it out and returns the reply, a line.
    public func answer(from caller: Caller, service: AuthService) async -> [UInt8] {
        let attempt = Attempt(caller: caller)
        var writer = JSONWriter()
        do throws(UsherError) {
            let output = try await request.perform(on: service, as: attempt)
            writer.beginSuccess(id)
            output.write(to: &writer)
            writer.write(attempt.allowance)
            writer.endReply()
            service.note(nil, operation, id, attempt)
        } catch {
            let error = service.referenced(error)
            service.note(error, operation, id, attempt)
            writer.writeFailure(error, id, attempt.allowance)
        }
        return writer.bytes
    }
}

/// - Parameter known: in capital letters.
private func isSameInAnyCase(_ known: [UInt8], _ name: Span<UInt8>) -> Bool {
    guard known.count == name.count else { return false }
    for index in known.indices where known[index] != name[index] && known[index] | 0x20 != name[index] { return false }
    return true
}
