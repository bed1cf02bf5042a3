import UsherJSON

/// A JSON object of a reply, or a reply itself. Members are read when they are asked for; one of another type than asked for is nil.
public struct ReplyObject: Sendable {
    /// A member's value of any type.
    public enum Value: Sendable {
        case null
        case bool(Bool)
        /// As it is written.
        case number(String)
        case string(String)
        case array([Value])
        case object(ReplyObject)
    }

    /// The object as the daemon wrote it.
    public let json: [UInt8]
    private let read: Read

    /// What copies of the object share.
    private final class Read: Sendable {
        let reader: JSONReader
        init(_ reader: consuming JSONReader) { self.reader = reader }
    }

    /// Deep enough for a request's own claims within a list of users.
    private static let nesting = 64

    /// - Returns: nil for what is no JSON object, as RFC 8259 and protocol.md have it.
    public init?(parsing json: [UInt8]) {
        var reader = JSONReader(nesting: Self.nesting)
        do throws(JSONFault) { try reader.read(json.span) } catch { return nil }
        self.json = json
        read = Read(reader)
    }

    public func string(_ name: StaticString) -> String? { read.reader.value(name, in: json.span)?.string(in: json.span) }
    /// What a string stands for that is base64; nil where it is none.
    public func bytes(_ name: StaticString) -> [UInt8]? {
        guard let value = read.reader.value(name, in: json.span), value.kind == .string else { return nil }
        return Base64.decode(value.bytes(in: json.span))
    }

    public func integer(_ name: StaticString) -> Int64? { read.reader.value(name, in: json.span)?.integer(in: json.span) }

    public func bool(_ name: StaticString) -> Bool? {
        switch read.reader.value(name, in: json.span)?.kind {
        case .true: true
        case .false: false
        case .null, .number, .string, .array, .object, nil: nil
        }
    }

    public func object(_ name: StaticString) -> ReplyObject? {
        guard let value = read.reader.value(name, in: json.span), value.kind == .object else { return nil }
        return ReplyObject(parsing: Array(json[value.range]))
    }

    /// The objects of a list; nil where there is no list.
    public func objects(_ name: StaticString) -> [ReplyObject]? {
        elements(name)?.compactMap { ReplyObject(parsing: Array(json[$0.range])) }
    }

    /// The elements of a list, as they are written.
    public func rawElements(_ name: StaticString) -> [ArraySlice<UInt8>]? { elements(name)?.map { json[$0.range] } }

    /// The texts of a list; nil where there is no list.
    public func strings(_ name: StaticString) -> [String]? { elements(name)?.compactMap { $0.string(in: json.span) } }

    /// Whether there is such a member, null included.
    public func has(_ name: StaticString) -> Bool { read.reader.anyValue(name, in: json.span) != nil }

    /// All members in their order.
    public var members: [(name: String, value: Value)] {
        read.reader.members.map { (String(decoding: $0.name.bytes(in: json.span), as: UTF8.self), value($0.value)) }
    }

    private func elements(_ name: StaticString) -> [JSONValue]? {
        guard let value = read.reader.value(name, in: json.span), value.kind == .array else { return nil }
        var reader = JSONReader(nesting: Self.nesting)
        return reader.elements(of: value, in: json.span)
    }

    private func value(_ value: JSONValue) -> Value {
        switch value.kind {
        case .null: return .null
        case .true: return .bool(true)
        case .false: return .bool(false)
        case .number: return .number(String(decoding: json[value.range], as: UTF8.self))
        case .string: return .string(value.string(in: json.span) ?? "")
        case .array:
            var reader = JSONReader(nesting: Self.nesting)
            return .array(reader.elements(of: value, in: json.span).map { self.value($0) })
        case .object: return ReplyObject(parsing: Array(json[value.range])).map { .object($0) } ?? .null
        }
    }
}
