public import UsherJSON
public import UsherModel

/// A text that has the form of a JWS compact serialization (RFC 7515 §7.1): three parts, nothing more is known of it.
public struct UnverifiedToken: Sendable {
    private let header: Range<Int>
    private let payload: Range<Int>
    private let signature: Range<Int>

    /// - Throws: `token_invalid`.
    public init(parsing text: Span<UInt8>) throws(UsherError) {
        // The first dot from the front, the last from the back: one between them would be no base64url.
        let first = firstDot(in: text) ?? 0
        let last = lastDot(in: text) ?? 0
        guard first > 0, last > first + 1, last + 1 < text.count else { throw .tokenInvalid("A token has three parts.") }
        header = 0..<first
        payload = first + 1..<last
        signature = last + 1..<text.count
    }

    /// The only way to a verified token: the header fits the key and the kind, and the signature is the key's.
    /// - Parameters:
    ///   - text: what this was parsed from.
    ///   - workspace: buffers to use; give them back with `Workspace.recycle`.
    /// - Throws: `token_invalid`.
    public func verified(
        by key: any SigningKey, as type: TokenType, in text: Span<UInt8>, using workspace: TokenWorkspace
    ) throws(UsherError) -> VerifiedToken {
        try checkHeader(key, type, text, workspace)
        // The key decides how long a signature is; Base64URL makes sure that there is one text for it.
        let length = key.algorithm.hashLength
        var (payload, claims) = workspace.take()
        guard signature.count == Base64URL.encodedLength(length),
            Base64URL.decode(text, in: signature, into: &payload) == length,
            key.isValid(payload.span.extracting(0..<length), of: text.extracting(0..<self.payload.upperBound))
        else {
            workspace.giveBack(payload, claims)
            throw .tokenInvalid("The token's signature is wrong.")
        }
        guard let count = Base64URL.decode(text, in: self.payload, into: &payload) else {
            throw .tokenInvalid("The token's payload is not base64url.")
        }
        do throws(JSONFault) {
            try claims.read(payload.span.extracting(0..<count))
        } catch {
            throw .tokenInvalid("The token's payload is not JSON: \(error.reason.rawValue).")
        }
        return VerifiedToken(payload: payload, count: count, claims: claims)
    }

    private func checkHeader(
        _ key: any SigningKey, _ type: TokenType, _ text: Span<UInt8>, _ workspace: TokenWorkspace
    ) throws(UsherError) {
        // What this daemon issues always has the same header. Of another one everything is looked at.
        if workspace.isUsualHeader(text.extracting(header), type) { return }
        var bytes: [UInt8] = []
        guard let count = Base64URL.decode(text, in: header, into: &bytes) else {
            throw .tokenInvalid("The token's header is not base64url.")
        }
        let json = bytes.span.extracting(0..<count)
        var reader = JSONReader(nesting: Limits.nesting)
        do throws(JSONFault) {
            try reader.read(json)
        } catch {
            throw .tokenInvalid("The token's header is not JSON: \(error.reason.rawValue).")
        }
        // RFC 8725 §3.1: the algorithm is the key's, not the token's to choose.
        guard reader.value("alg", in: json)?.isSame(key.algorithm.rawValue, in: json) == true else {
            throw .tokenInvalid("The token's alg is not the key's.")
        }
        guard reader.anyValue("crit", in: json) == nil else { throw .tokenInvalid("The token has a crit header.") }
        if let named = reader.anyValue("kid", in: json), !named.isSame(key.identifier, in: json) {
            throw .tokenInvalid("The token's kid is not known.")
        }
        guard let named = reader.value("typ", in: json), type.isNamed(by: named, in: json) else {
            throw .tokenInvalid("The token's typ is not \(type.header).")
        }
    }
}

/// A token whose signature holds. Its payload is JSON as the wire's own reader takes it; what its claims say is not known yet.
public struct VerifiedToken: ~Copyable {
    fileprivate var bytes: [UInt8]
    fileprivate let count: Int
    /// Where the claims stand in the payload.
    public fileprivate(set) var claims: JSONReader

    fileprivate init(payload: [UInt8], count: Int, claims: JSONReader) {
        bytes = payload
        self.count = count
        self.claims = claims
    }

    /// The payload's own bytes, for the duration of `body`.
    public borrowing func withPayload<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try body(bytes.span.extracting(0..<count))
    }
}

/// Buffers that verification after verification uses, so that none of them allocates. Belongs to one thread.
public final class TokenWorkspace {
    private var payload: [UInt8] = []
    private var claims = JSONReader(nesting: Limits.nesting)
    private let usualAccessHeader: [UInt8]
    private let usualRefreshHeader: [UInt8]

    /// - Parameters: the header, encoded, of the tokens that are issued here.
    public init(accessHeader: [UInt8], refreshHeader: [UInt8]) {
        usualAccessHeader = accessHeader
        usualRefreshHeader = refreshHeader
    }

    /// Takes the buffers of a token back that is no longer looked at.
    public func recycle(_ token: consuming VerifiedToken) {
        swap(&payload, &token.bytes)
        swap(&claims, &token.claims)
    }

    /// Hands out the buffers; until they are given back, there are new ones.
    fileprivate func take() -> (payload: [UInt8], claims: JSONReader) {
        var taken = (payload: [UInt8](), claims: JSONReader(nesting: Limits.nesting))
        swap(&taken.payload, &payload)
        swap(&taken.claims, &claims)
        return taken
    }

    fileprivate func giveBack(_ payload: consuming [UInt8], _ claims: consuming JSONReader) {
        self.payload = payload
        self.claims = claims
    }

    fileprivate func isUsualHeader(_ header: Span<UInt8>, _ type: TokenType) -> Bool {
        let usual =
            switch type {
            case .access: usualAccessHeader
            case .refresh: usualRefreshHeader
            // There are too few of them for it to matter.
            case .challenge: [UInt8]()
            }
        return header.isSame(as: usual.span)
    }
}

extension UsherError {
    static func tokenInvalid(_ message: String) -> UsherError { UsherError(.tokenInvalid, message) }
}

private func firstDot(in text: Span<UInt8>) -> Int? {
    var index = 0
    while let word = text.word(at: index) {
        let marks = dots(word)
        if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
        index += 8
    }
    while index < text.count {
        if text[index] == UInt8(ascii: ".") { return index }
        index += 1
    }
    return nil
}

private func lastDot(in text: Span<UInt8>) -> Int? {
    var end = text.count
    while let word = text.word(at: end - 8) {
        let marks = dots(word)
        if marks != 0 { return end - 1 - marks.leadingZeroBitCount / 8 }
        end -= 8
    }
    while end > 0 {
        end -= 1
        if text[end] == UInt8(ascii: ".") { return end }
    }
    return nil
}

/// The high bit of each byte that is a dot, and no other bit.
@inline(__always)
private func dots(_ word: UInt64) -> UInt64 {
    let lowBits: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
    let others = word ^ 0x2e2e_2e2e_2e2e_2e2e
    return ~((others & lowBits) &+ lowBits | others | lowBits)
}
