import UsherJSON
import UsherModel
import UsherToken

/// Custom claims to be set, or removed where they are null.
struct ClaimChanges: Sendable {
    /// Each value as JSON on one line; nil to remove the claim.
    private let changes: [(name: [UInt8], value: [UInt8]?)]

    /// Nil if the request has no `claims`.
    /// - Parameter allowed: the names that may be changed; nil for all but those that tokens have already.
    /// - Throws: `invalid_field` of `claims`.
    init?(of request: borrowing JSONReader, in line: Span<UInt8>, allowed: [String]?) throws(UsherError) {
        guard let value = request.value("claims", in: line) else { return nil }
        guard value.kind == .object else { throw .invalidField("claims", "The member \"claims\" must be an object.") }
        // In the replies that show it, it stands two levels deep.
        var object = JSONReader(nesting: Limits.nesting - 2)
        do throws(JSONFault) {
            try object.read(line, in: value.range)
        } catch {
            throw .invalidField(
                "claims", "The claims are nested too deep: \(Limits.nesting - 2) levels at most, their object counted.")
        }
        var changes: [(name: [UInt8], value: [UInt8]?)] = []
        for member in object.members {
            let name = member.name.bytes(in: line)
            // By bytes: names that Unicode takes for equivalent are two.
            if let allowed {
                guard allowed.contains(where: { $0.utf8.elementsEqual(name) }) else {
                    throw .invalidField("claims", "There is a claim that users may not set themselves (profile_claims).")
                }
            } else if TokenIssuer.reservedClaims.contains(String(decoding: name, as: UTF8.self)) {
                throw .reservedClaim
            }
            guard member.value.kind != .null else {
                changes.append((name, nil))
                continue
            }
            var text = JSONWriter()
            text.rawOnOneLine(line.extracting(member.value.range))
            changes.append((name, text.bytes))
        }
        self.changes = changes
    }

    /// The user's claims with the changes, as the text of a JSON object.
    /// - Throws: `internal` if the user's claims are no JSON.
    func applied(to user: User) throws(UsherError) -> String {
        let old = Array(user.claims.utf8)
        var reader = JSONReader(nesting: Limits.nesting)
        do throws(JSONFault) {
            try reader.read(old.span)
        } catch {
            throw UsherError(
                .internal,
                cause: "the claims of user \(user.id) in the store are no JSON: \(error.reason.rawValue) at \(error.offset)")
        }
        var new = JSONWriter()
        new.openObject()
        for member in reader.members {
            let name = member.name.bytes(in: old.span)
            guard !changes.contains(where: { $0.name == name }) else { continue }
            new.member(String(decoding: name, as: UTF8.self), raw: old.span.extracting(member.value.range))
        }
        for (name, value) in changes {
            guard let value else { continue }
            new.member(String(decoding: name, as: UTF8.self), raw: value.span)
        }
        new.closeObject()
        return String(decoding: new.bytes, as: UTF8.self)
    }
}
