import UsherJSON
import UsherModel

@testable import UsherToken

/// What verifies is the one text for what it says, and no other text does; whatever was signed, what is told of it stays on its line.
///
/// The input is `t` and a token; `s` and the first two parts of one, which is then signed; or `j`, a header, a NUL and a payload, which
/// are then encoded and signed.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzToken(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let kind = input.first else { return 0 }
    let rest = input.dropFirst()
    let key = ToyKey()
    let text: [UInt8]
    switch kind {
    case UInt8(ascii: "s"): text = signed(Array(rest), by: key)
    case UInt8(ascii: "j"):
        let parts = rest.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map { encoded(Array($0)) }
        text = signed(Array(parts.joined(separator: [UInt8(ascii: ".")])), by: key)
    default: text = Array(rest)
    }
    // Where to change it is told by its own bytes, so that an input always does the same.
    let place = text.reduce(7) { $0 &* 31 &+ Int($1) }
    for type in [TokenType.access, .refresh, .challenge] { check(text, as: type, by: key, changing: place) }
    return 0
}

private func check(_ text: [UInt8], as type: TokenType, by key: ToyKey, changing place: Int) {
    let workspace = TokenWorkspace(accessHeader: [], refreshHeader: [])
    do throws(UsherError) {
        let token = try UnverifiedToken(parsing: text.span).verified(by: key, as: type, in: text.span, using: workspace)
        checkEncoding(of: text, token)
        for shift in 0..<4 { checkChanged(text, at: (place &+ shift &* 7919).magnitude % UInt(text.count), as: type, by: key) }
        switch type {
        case .access: try checkClaims(of: token)
        case .refresh: try checkRefresh(token)
        case .challenge: _ = try LoginChallenge(token)
        }
    } catch {
        require(error.code == .tokenInvalid, "\(error.code) of what is not even ours")
    }
}

/// Each part, decoded and encoded, is the same text again.
private func checkEncoding(of text: [UInt8], _ token: borrowing VerifiedToken) {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Array($0) }
    require(parts.count == 3, "a token of \(parts.count) parts")
    for part in parts {
        var bytes: [UInt8] = []
        guard let count = Base64URL.decode(part.span, in: part.indices, into: &bytes) else {
            fatalError("a part is no base64url")
        }
        require(encoded(Array(bytes[..<count])) == part, "a part has another text")
    }
    let payload = token.withPayload { payload in payload.indices.map { payload[$0] } }
    require(encoded(payload) == parts[1], "the payload is not the one that was signed")
}

private func checkChanged(_ text: [UInt8], at index: UInt, as type: TokenType, by key: ToyKey) {
    let workspace = TokenWorkspace(accessHeader: [], refreshHeader: [])
    var changed = text
    // The nearest characters are those that differ in the bits that may be left over.
    changed[Int(index)] ^= 1
    do throws(UsherError) {
        _ = try UnverifiedToken(parsing: changed.span).verified(by: key, as: type, in: changed.span, using: workspace)
    } catch {
        return
    }
    fatalError("it verifies in spite of a change at \(index)")
}

private func checkClaims(of token: consuming VerifiedToken) throws(UsherError) {
    let members = token.claims.members.count
    let token = try AccessToken(token, issuer: "usher")
    var writer = JSONWriter()
    token.writeClaims(to: &writer)
    require(writer.bytes.allSatisfy { $0 >= 0x20 }, "a control character in the claims")
    var reader = JSONReader(nesting: Limits.nesting)
    do throws(JSONFault) {
        try reader.read(writer.bytes.span)
    } catch {
        fatalError("the claims are refused: \(error)")
    }
    require(reader.members.count == members, "claims were lost or won")

    var revocations = Revocations()
    require(token.standing(by: revocations) == .live, "revoked by nothing")
    revocations.insert(Revocation(kind: .token, id: token.id(), until: token.until()))
    require(token.standing(by: revocations) == .revoked, "a revocation does not hold")
    require(!token.id().isEmpty && !token.sessionID().isEmpty && !token.userID().isEmpty, "an empty id")
    _ = token.hasRole(among: ["user", ""])
    require(token.lacking(["a", "b:c"]).count <= 2, "more lacks than was asked")
    for now in [0, 1_790_000_000, 1 << 53] as [NumericDate] {
        do throws(UsherError) {
            try token.checkTime(now: now, tolerance: 30)
            require(token.expiresAt > Double(now - 30), "it has expired")
        } catch {
            require(error.code == .tokenExpired || error.code == .tokenNotActive, "\(error.code) of a time")
        }
    }
    try? token.check(audience: Array("usher".utf8).span)
}

private func checkRefresh(_ token: consuming VerifiedToken) throws(UsherError) {
    let token = try RefreshToken(token)
    require(token.generation > 0 && token.expiresAt.magnitude < 0x1p53, "a claim out of its bounds")
    _ = token.isExpired(now: 1_790_000_000)
}

private func encoded(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    Base64URL.append(bytes.span, to: &text)
    return text
}

private func signed(_ input: [UInt8], by key: ToyKey) -> [UInt8] {
    input + [UInt8(ascii: ".")] + encoded(key.sign(input.span))
}

/// No MAC, but as long as one; and a change of one byte always changes it, since each step can be undone.
private final class ToyKey: SigningKey {
    let algorithm = MACAlgorithm.hs256
    let identifier = "toy"

    func sign(_ message: Span<UInt8>) -> [UInt8] {
        var lanes: [UInt64] = [1, 2, 3, 4].map { $0 &* 0x9e37_79b9_7f4a_7c15 }
        for index in message.indices {
            for lane in lanes.indices { lanes[lane] = (lanes[lane] ^ UInt64(message[index])) &* 0x0100_0000_01b3 }
        }
        return lanes.flatMap { lane in (0..<8).map { UInt8(truncatingIfNeeded: lane >> ($0 * 8)) } }
    }

    func isValid(_ signature: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        let expected = sign(message)
        return signature.count == expected.count && expected.indices.allSatisfy { signature[$0] == expected[$0] }
    }
}

/// A precondition that says, in an optimised build too, what was wrong.
private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
