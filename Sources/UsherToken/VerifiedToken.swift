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
        var buffers = workspace.take()
        do throws(UsherError) {
            let count = try check(key, text, into: &buffers.payload, &buffers.claims)
            return VerifiedToken(buffers, count: count)
        } catch {
            workspace.giveBack(buffers)
            throw error
        }
    }

    /// Checks the signature, then decodes the payload and reads its claims.
    /// - Returns: the payload's length.
    private func check(
        _ key: any SigningKey, _ text: Span<UInt8>, into bytes: inout [UInt8], _ claims: inout JSONReader
    ) throws(UsherError) -> Int {
        // The key decides how long a signature is; Base64URL makes sure that there is one text for it.
        let length = key.algorithm.hashLength
        guard signature.count == Base64URL.encodedLength(length),
            Base64URL.decode(text, in: signature, into: &bytes) == length,
            key.isValid(bytes.span.extracting(0..<length), of: text.extracting(0..<payload.upperBound))
        else { throw .tokenInvalid("The token's signature is wrong.") }
        guard let count = Base64URL.decode(text, in: payload, into: &bytes) else {
            throw .tokenInvalid("The token's payload is not base64url.")
        }
        do throws(JSONFault) {
            try claims.read(bytes.span.extracting(0..<count))
        } catch {
            throw .tokenInvalid("The token's payload is not JSON: \(error.reason.rawValue).")
        }
        return count
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
    fileprivate let buffers: TokenBuffers
    /// The payload's length.
    private let count: Int

    fileprivate init(_ buffers: consuming TokenBuffers, count: Int) {
        self.buffers = buffers
        self.count = count
    }

    /// Where the claims stand in the payload.
    public var claims: JSONReader { _read { yield buffers.claims } }

    /// The payload's own bytes, for the duration of `body`.
    public borrowing func withPayload<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try body(buffers.payload.span.extracting(0..<count))
    }
}

/// What a token is decoded into.
private struct TokenBuffers: ~Copyable {
    var payload: [UInt8] = []
    var claims = JSONReader(nesting: Limits.nesting)
}

/// Buffers that verification after verification uses, so that none of them allocates. Belongs to one thread.
public final class TokenWorkspace {
    /// Nil while a token has them.
    private var buffers: TokenBuffers?
    private let usualAccessHeader: [UInt8]
    private let usualRefreshHeader: [UInt8]

    /// - Parameters: the header, encoded, of the tokens that are issued here.
    public init(accessHeader: [UInt8], refreshHeader: [UInt8]) {
        usualAccessHeader = accessHeader
        usualRefreshHeader = refreshHeader
    }

    /// Takes the buffers of a token back that is no longer looked at.
    public func recycle(_ token: consuming VerifiedToken) { giveBack(token.buffers) }

    /// Hands out the buffers; until they are given back, there are new ones.
    fileprivate func take() -> TokenBuffers { buffers.take() ?? TokenBuffers() }

    fileprivate func giveBack(_ buffers: consuming TokenBuffers) { self.buffers = consume buffers }

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
