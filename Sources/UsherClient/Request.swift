import UsherJSON

/// A request that is being put together. A member whose value is nil is left out, as if it had not been set.
public struct Request: Sendable {
    /// In capitals.
    public let operation: String
    private var writer = JSONWriter()

    public init(_ operation: String) {
        self.operation = operation.uppercased()
        writer.openObject()
        writer.member("op", self.operation)
    }

    /// Whether it changes nothing, so that it may be sent again where it is not known what became of it.
    var isRepeatable: Bool { ["VERIFY", "AUTHORIZE", "PING", "HELP"].contains(operation) }

    public mutating func set(_ name: StaticString, _ value: String?) {
        if let value { writer.member(name, value) }
    }

    public mutating func set(_ name: StaticString, _ value: Int64?) {
        if let value { writer.member(name, value) }
    }

    public mutating func set(_ name: StaticString, _ value: Bool?) {
        if let value { writer.member(name, value) }
    }

    public mutating func set(_ name: StaticString, _ values: [String]?) {
        if let values { writer.member(name, values) }
    }

    /// - Parameter json: a value, already written.
    public mutating func set(_ name: StaticString, json: [UInt8]?) {
        guard let json else { return }
        writer.name(name)
        writer.rawOnOneLine(json.span)
    }

    /// The member `client`.
    mutating func set(_ client: EndUser?) {
        guard let client else { return }
        writer.name("client")
        writer.openObject()
        if let address = client.address { writer.member("ip", address) }
        if let userAgent = client.userAgent { writer.member("user_agent", userAgent) }
        writer.closeObject()
    }

    /// What is sent.
    func line(id: Int64) -> [UInt8] {
        Array("{\"id\":\(id),".utf8) + writer.bytes.dropFirst() + Array("}\n".utf8)
    }
}
