import UsherJSON
import UsherModel

// How operations read their members. A member that is null counts as absent.
extension JSONReader {
    /// - Throws: `invalid_field` for another type.
    func string(_ name: StaticString, in line: Span<UInt8>) throws(UsherError) -> String? {
        guard let value = value(name, in: line) else { return nil }
        guard let string = value.string(in: line) else {
            throw .invalidField(name.description, "The member \"\(name)\" must be a string.")
        }
        return string
    }

    /// - Throws: `missing_field`, `invalid_field`.
    func requiredString(_ name: StaticString, in line: Span<UInt8>) throws(UsherError) -> String {
        guard let string = try string(name, in: line) else { throw .missingField(name.description) }
        return string
    }

    /// The same for a string that is only looked at, by its bytes.
    /// - Throws: what `body` throws, too.
    func withRequiredString<R>(
        _ name: StaticString, in line: Span<UInt8>, _ body: (Span<UInt8>) throws(UsherError) -> R
    ) throws(UsherError) -> R {
        try requiredText(name, in: line).withBytes(in: line, body)
    }

    private func requiredText(_ name: StaticString, in line: Span<UInt8>) throws(UsherError) -> JSONValue {
        guard let value = value(name, in: line) else { throw .missingField(name.description) }
        guard value.kind == .string else {
            throw .invalidField(name.description, "The member \"\(name)\" must be a string.")
        }
        return value
    }

    /// A password: it goes from the line into memory that is cleansed, and nowhere else.
    /// - Throws: `missing_field`, `invalid_field`.
    func requiredSecret(_ name: StaticString, in line: Span<UInt8>) throws(UsherError) -> SharedSecret {
        let value = try requiredText(name, in: line)
        return SharedSecret(unsafe SecretBytes(capacity: value.content.count) { unsafe value.unescape(in: line, to: $0) })
    }

    /// - Throws: `invalid_field`.
    func bool(_ name: StaticString, in line: Span<UInt8>) throws(UsherError) -> Bool {
        switch value(name, in: line)?.kind {
        case nil, .false: false
        case .true: true
        case .null, .number, .string, .array, .object:
            throw .invalidField(name.description, "The member \"\(name)\" must be true or false.")
        }
    }

    /// - Throws: `invalid_field` for what is no integer, or out of `range`.
    func integer(_ name: StaticString, in line: Span<UInt8>, _ range: ClosedRange<Int64>) throws(UsherError) -> Int64? {
        guard let value = value(name, in: line) else { return nil }
        guard let integer = value.integer(in: line), range.contains(integer) else {
            throw .invalidField(
                name.description, "The member \"\(name)\" must be an integer from \(range.lowerBound) to \(range.upperBound).")
        }
        return integer
    }

    /// A list of names, none of them empty; nil if absent.
    /// - Throws: `invalid_field`, also for an empty list.
    func names(_ name: StaticString, in line: Span<UInt8>) throws(UsherError) -> [String]? {
        guard let value = value(name, in: line) else { return nil }
        var reader = JSONReader(nesting: Limits.nesting)
        let elements = value.kind == .array ? reader.elements(of: value, in: line) : []
        let names = elements.compactMap { $0.string(in: line) }
        guard !names.isEmpty, names.count == elements.count, names.count <= Limits.authorizeNames, !names.contains("") else {
            throw .invalidField(
                name.description,
                "The member \"\(name)\" must be a list of 1 to \(Limits.authorizeNames) strings, none of them empty.")
        }
        return names
    }

    /// The end user as the app saw them; empty if absent.
    /// - Throws: `invalid_field` of `client`; `forbidden_op` for an address that the peer may not tell. To ignore it would count the attempts
    ///   of all together, and nobody would notice.
    func client(in line: Span<UInt8>, _ rights: Rights) throws(UsherError) -> Client {
        guard let value = value("client", in: line) else { return Client() }
        var object = JSONReader(nesting: Limits.nesting)
        guard value.kind == .object else { throw .invalidClient }
        do throws(JSONFault) {
            try object.read(line, in: value.range)
        } catch {
            throw UsherError(.internal, cause: "an object was validated, and is not valid")
        }
        var client = Client()
        if let ip = object.value("ip", in: line) {
            guard let text = ip.string(in: line), let address = IPAddress(parsing: text) else { throw .invalidClient }
            guard rights.mayNameAddresses else {
                throw rights.refusal("The daemon's settings do not let this peer tell the end user's address (\"client\").")
            }
            client.address = address
        }
        if let agent = object.value("user_agent", in: line) {
            guard let text = agent.string(in: line) else { throw .invalidClient }
            client.userAgent = text.prefix(utf8Count: Limits.userAgent)
        }
        return client
    }

    /// The audience that a session is asked for; by default the first that the peer may ask for, or else the first configured one.
    /// - Throws: `invalid_field` if it is not one of those configured; `forbidden_op` if the peer may not ask for it.
    func sessionAudience(in line: Span<UInt8>, _ rights: Rights, of settings: TokenSettings) throws(UsherError) -> String {
        guard let audience = try string("audience", in: line) else { return rights.audiences.first ?? settings.audiences[0] }
        guard settings.audiences.contains(where: { $0.utf8.elementsEqual(audience.utf8) }) else {
            throw .invalidField("audience", "The audience is not one of those that the daemon is set up for.")
        }
        try rights.require(audience: audience)
        return audience
    }

    /// The audience that a token must be for; nil for the daemon's default one.
    /// - Throws: `invalid_field`; `forbidden_op` if the peer may not ask for it.
    func tokenAudience(in line: Span<UInt8>, _ rights: Rights) throws(UsherError) -> [UInt8]? {
        guard let audience = try string("audience", in: line) else { return rights.audiences.firstBytes }
        guard !audience.isEmpty else { throw .invalidField("audience", "The audience must not be empty.") }
        try rights.require(audience: audience)
        return Array(audience.utf8)
    }

    /// Hands the token of `token` or `authorization` to `body`, without copying it where it stands in the line as it is.
    /// - Throws: `token_required` if there is none; `invalid_field` if there are both; `token_invalid` where an `authorization` is
    ///   Bearer and holds not exactly one word; what `body` throws.
    func withToken<R: ~Copyable>(
        in line: Span<UInt8>, _ body: (Span<UInt8>) throws(UsherError) -> R
    ) throws(UsherError) -> R {
        let token = value("token", in: line)
        let authorization = value("authorization", in: line)
        if token != nil, authorization != nil {
            throw .invalidField("authorization", "Give either \"token\" or \"authorization\", not both.")
        }
        if let token {
            guard token.kind == .string else { throw .invalidField("token", "The member \"token\" must be a string.") }
            return try token.withBytes(in: line, body)
        }
        guard let authorization else { throw UsherError(.tokenRequired) }
        guard authorization.kind == .string else {
            throw .invalidField("authorization", "The member \"authorization\" must be a string.")
        }
        let header = authorization.bytes(in: line)
        let words = header.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        // RFC 9110 §11.1: a scheme is compared without regard to case.
        guard let scheme = words.first, scheme.map({ $0 | 0x20 }).elementsEqual("bearer".utf8) else {
            throw UsherError(.tokenRequired)
        }
        guard words.count == 2 else { throw UsherError(.tokenInvalid, "Bearer must be followed by one token.") }
        return try body(header.span.extracting(words[1].startIndex..<words[1].endIndex))
    }
}

extension UsherError {
    fileprivate static let invalidClient = invalidField(
        "client", "The member \"client\" must be an object with an \"ip\" (IPv4 or IPv6) and a \"user_agent\", both strings.")
}

extension String {
    /// The longest beginning of whole characters of at most `count` bytes.
    fileprivate func prefix(utf8Count count: Int) -> String {
        guard utf8.count > count else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: count)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
