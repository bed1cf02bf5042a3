import UsherJSON
import UsherModel

/// A request's `id`, which comes back as it came: a string of at most `Limits.requestID` bytes, or an integer of 64 bits.
struct RequestID: Sendable {
    /// JSON, quotes and escapes included.
    let json: [UInt8]
    /// For the journal.
    let text: String

    /// Nil if the request has none.
    /// - Throws: `bad_request`.
    init?(of request: borrowing JSONReader, in line: Span<UInt8>) throws(UsherError) {
        guard let value = request.value("id", in: line) else { return nil }
        switch value.kind {
        case .string:
            let string = value.string(in: line) ?? ""
            guard string.utf8.count <= Limits.requestID else {
                throw .badID("is longer than \(Limits.requestID) bytes", value)
            }
            text = string
        case .number:
            guard let number = value.integer(in: line) else {
                throw .badID("is a number that is no integer of 64 bits", value)
            }
            text = String(number)
        case .null, .true, .false, .array, .object:
            throw .badID("is neither a string nor an integer", value)
        }
        var json: [UInt8] = []
        for index in value.range { json.append(line[index]) }
        self.json = json
    }
}

extension UsherError {
    fileprivate static func badID(_ fault: String, _ value: JSONValue) -> UsherError {
        UsherError(
            .badRequest, "The id \(fault), at byte \(value.range.lowerBound).", detail: .offset(value.range.lowerBound))
    }
}
