public import UsherJSON
public import UsherModel

/// An access token whose signature holds and whose claims are all there, of the right type, and ours: `iss aud sub iat exp jti sid`
/// (RFC 9068 §2.2, and `sid`). Whether it is for whom it is shown to, and whether now, is asked of it.
public struct AccessToken: ~Copyable {
    private var token: VerifiedToken
    private let audience: JSONValue
    private let subject: JSONValue
    private let identifier: JSONValue
    private let session: JSONValue
    private let role: JSONValue?
    private let permissions: JSONValue?
    /// The `ver`: which version of the account it was issued for. One that lacks is 0, the oldest.
    public let version: Int64
    /// The `rver`: how often roles had changed when it was issued. One that lacks is 0.
    public let rolesVersion: Int64
    /// Seconds since 1970; fractions are allowed (RFC 7519 §2).
    public let issuedAt: Double
    public let expiresAt: Double
    public let notBefore: Double?

    /// - Throws: `token_invalid`.
    public init(_ token: consuming VerifiedToken, issuer: String) throws(UsherError) {
        var found = Found()
        try token.withPayload { payload throws(UsherError) in
            for member in token.claims.members { found.take(member, in: payload) }
            guard let name = found.issuer?.nonEmptyString(in: payload) else { throw .claim("iss", "is not a string") }
            guard name.isSame(issuer, in: payload) else { throw .tokenInvalid("The token is of another issuer.") }
            guard found.audience?.isAudience(in: payload) == true else {
                throw .claim("aud", "is neither a string nor a list of strings")
            }
            if found.subject?.nonEmptyString(in: payload) == nil { throw .claim("sub", "is not a string") }
            if found.identifier?.nonEmptyString(in: payload) == nil { throw .claim("jti", "is not a string") }
            if found.session?.nonEmptyString(in: payload) == nil { throw .claim("sid", "is not a string") }
            guard let issuedAt = found.issuedAt?.numericDate(in: payload) else { throw .claim("iat", "is not a date") }
            found.issue = issuedAt
            if let role = found.role, role.kind != .string { throw .claim("role", "is not a string") }
            if let permissions = found.permissions, !permissions.isListOfStrings(in: payload) {
                throw .claim("permissions", "is not a list of strings")
            }
            found.accountVersion = try Self.version(found.version, "ver", in: payload)
            found.rolesVersion = try Self.version(found.rolesVersionValue, "rver", in: payload)
            guard let expiresAt = found.expiresAt?.numericDate(in: payload) else { throw .claim("exp", "is not a date") }
            found.expiry = expiresAt
            if let value = found.notBefore {
                guard let date = value.numericDate(in: payload) else { throw .claim("nbf", "is not a date") }
                found.activity = date
            }
        }
        guard let audience = found.audience, let subject = found.subject, let identifier = found.identifier,
            let session = found.session
        else { throw .tokenInvalid("A claim lacks.") }
        self.audience = audience
        self.subject = subject
        self.identifier = identifier
        self.session = session
        role = found.role
        permissions = found.permissions
        version = found.accountVersion
        rolesVersion = found.rolesVersion
        issuedAt = found.issue
        expiresAt = found.expiry
        notBefore = found.activity
        self.token = token
    }

    /// A version that a claim says; 0, the oldest, where it lacks.
    private static func version(_ value: JSONValue?, _ claim: String, in payload: Span<UInt8>) throws(UsherError) -> Int64 {
        guard let value else { return 0 }
        guard let version = value.integer(in: payload), version >= 0 else { throw .claim(claim, "is not a whole number") }
        return version
    }

    // MARK: Rules, in the order in which they are told

    /// - Throws: `token_invalid` if the token is for others (RFC 7519 §4.1.3).
    public borrowing func check(audience asked: Span<UInt8>) throws(UsherError) {
        let isMeant = token.withPayload { payload in
            audience.contains(asked, in: payload)
        }
        guard isMeant else { throw .tokenInvalid("The token is for another audience.") }
    }

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - tolerance: seconds that the clocks may be apart.
    /// - Throws: `token_expired`, `token_not_active`.
    public borrowing func checkTime(now: NumericDate, tolerance: Int64) throws(UsherError) {
        if isExpired(now: now, tolerance: tolerance) {
            throw UsherError(.tokenExpired, detail: .expiredAt(NumericDate(expiresAt.rounded(.down))))
        }
        if let notBefore, Double(now + tolerance) < notBefore {
            throw UsherError(.tokenNotActive, detail: .activeAt(NumericDate(notBefore.rounded(.up))))
        }
    }

    /// RFC 7519 §4.1.4: on or after `exp` a token is not accepted.
    public borrowing func isExpired(now: NumericDate, tolerance: Int64) -> Bool { Double(now - tolerance) >= expiresAt }

    /// What revocations make of a token.
    public enum Standing: Sendable {
        case live
        case revoked
        /// Its account has changed since: a new one is to be had for the asking.
        case stale
    }

    public borrowing func standing(by revocations: borrowing Revocations) -> Standing {
        if revocations.isEmpty { return .live }
        return token.withPayload { payload in
            if revocations.contains(.token, identifier, in: payload) || revocations.contains(.session, session, in: payload) {
                return .revoked
            }
            if rolesVersion < revocations.rolesVersion, let role, let needed = revocations.version(ofRole: role, in: payload),
                rolesVersion < needed
            {
                return .stale
            }
            guard revocations.hasUsers, let needed = revocations.version(of: subject, in: payload),
                version < needed || needed == Revocation.deleted
            else {
                return .live
            }
            return needed == Revocation.deleted ? .revoked : .stale
        }
    }

    // MARK: What it says

    /// The `jti`.
    public borrowing func id() -> String { token.withPayload { identifier.string(in: $0) ?? "" } }
    /// The `sid`.
    public borrowing func sessionID() -> String { token.withPayload { session.string(in: $0) ?? "" } }
    /// The `sub`.
    public borrowing func userID() -> String { token.withPayload { subject.string(in: $0) ?? "" } }
    /// When the last second of it is over, for keeping a revocation.
    public borrowing func until() -> NumericDate { NumericDate(expiresAt.rounded(.up)) }

    /// Whether its role is one of these.
    public borrowing func hasRole(among roles: [String]) -> Bool {
        token.withPayload { payload in
            guard let role else { return false }
            return roles.contains { role.isSame($0, in: payload) }
        }
    }

    /// Those of `asked` that no permission of the token covers.
    public borrowing func lacking(_ asked: [String]) -> [String] {
        token.withPayload { payload in
            guard let permissions else { return asked }
            var reader = JSONReader(nesting: Limits.nesting)
            let granted = reader.elements(of: permissions, in: payload).map { $0.bytes(in: payload) }
            return asked.filter { name in
                let name = Array(name.utf8)
                return !granted.contains { Permission.isCovered(name.span, by: $0.span) }
            }
        }
    }

    /// Writes the claims as they were signed, on one line.
    public borrowing func writeClaims(to writer: inout JSONWriter) {
        token.withPayload { payload in
            if token.claims.isOnOneLine { writer.raw(payload) } else { writer.rawOnOneLine(payload) }
        }
    }

    /// Gives the token's buffers back.
    public consuming func recycle(to workspace: TokenWorkspace) { workspace.recycle(token) }

    /// The claims that matter here, as one pass over the payload finds them.
    private struct Found {
        var issuer, audience, subject, issuedAt, expiresAt, notBefore, identifier, session, version, role, permissions: JSONValue?
        var rolesVersionValue: JSONValue?
        var accountVersion: Int64 = 0
        var rolesVersion: Int64 = 0
        var issue = 0.0
        var expiry = 0.0
        var activity: Double?

        mutating func take(_ member: JSONMember, in payload: Span<UInt8>) {
            switch member.key {
            case JSONKey("iss"): issuer = member.value
            case JSONKey("aud"): audience = member.value
            case JSONKey("sub"): subject = member.value
            case JSONKey("iat"): issuedAt = member.value
            case JSONKey("nbf"): notBefore = member.value
            case JSONKey("exp"): expiresAt = member.value
            case JSONKey("jti"): identifier = member.value
            case JSONKey("sid"): session = member.value
            case JSONKey("ver"): version = member.value
            case JSONKey("rver"): rolesVersionValue = member.value
            case JSONKey("role"): role = member.value
            case JSONKey("permissions") where member.name.equals("permissions", in: payload): permissions = member.value
            default: break
            }
        }
    }
}

extension JSONValue {
    fileprivate func nonEmptyString(in text: Span<UInt8>) -> JSONValue? { kind == .string && !content.isEmpty ? self : nil }

    /// Finite and of a magnitude under 2^53, so that it is exact to the second.
    func numericDate(in text: Span<UInt8>) -> Double? {
        guard let number = double(in: text), number.magnitude < 0x1p53 else { return nil }
        return number
    }

    /// Whether this is a string of the same characters, with no canonicalization (RFC 7519 §2): what Swift's `==` of strings takes for
    /// equal may differ.
    func isSame(_ other: String, in text: Span<UInt8>) -> Bool {
        kind == .string && isSame(other.utf8.span, in: text)
    }

    fileprivate func isSame(_ other: Span<UInt8>, in text: Span<UInt8>) -> Bool {
        withBytes(in: text) { $0.isSame(as: other) }
    }

    fileprivate func isListOfStrings(in text: Span<UInt8>) -> Bool {
        guard kind == .array else { return false }
        if range.count == 2 { return true }
        var reader = JSONReader(nesting: Limits.nesting)
        return reader.elements(of: self, in: text).allSatisfy { $0.kind == .string }
    }

    /// A string, or a list of them with one at least; none of them empty (RFC 7519 §4.1.3).
    fileprivate func isAudience(in text: Span<UInt8>) -> Bool {
        if kind == .string { return !content.isEmpty }
        guard kind == .array else { return false }
        var reader = JSONReader(nesting: Limits.nesting)
        let elements = reader.elements(of: self, in: text)
        return !elements.isEmpty && elements.allSatisfy { $0.kind == .string && !$0.content.isEmpty }
    }

    fileprivate func contains(_ audience: Span<UInt8>, in text: Span<UInt8>) -> Bool {
        if kind == .string { return isSame(audience, in: text) }
        var reader = JSONReader(nesting: Limits.nesting)
        for element in reader.elements(of: self, in: text) where element.isSame(audience, in: text) { return true }
        return false
    }
}

extension UsherError {
    fileprivate static func claim(_ name: String, _ fault: String) -> UsherError {
        tokenInvalid("The token's claim \(name) lacks or \(fault).")
    }
}
