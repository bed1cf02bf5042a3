import Foundation
public import UsherCrypto
public import UsherModel

/// The secrets of every harness, so that tests can make tokens as others would.
public enum Secrets: String, Sendable {
    case access = "access-secret-access-secret-access-secret-access-secret-access-sec"
    case refresh = "refresh-secret-refresh-secret-refresh-secret-refresh-secret-refre"

    public static let dataKey: DataKey = {
        guard let key = try? DataKey(secret: SecretBytes(copying: Array("data-key-data-key-data-key-data-key".utf8).span)) else {
            preconditionFailure("no AES-256-GCM")
        }
        return key
    }()

    public func key(_ algorithm: MACAlgorithm = .hs256) -> any SigningKey {
        let secret = SecretBytes(copying: Array(rawValue.utf8).span)
        guard let key = try? HMACKey(algorithm: algorithm, secret: secret) else { preconditionFailure("no \(algorithm)") }
        return key
    }

    /// A token as any JWT library would make it.
    public func token(_ claims: [String: Any], header: [String: Any] = ["alg": "HS256", "typ": "at+jwt"]) -> String {
        token(payload: json(claims), header: json(header))
    }

    public func token(payload: String, header: String = #"{"alg":"HS256","typ":"at+jwt"}"#) -> String {
        let signed = base64url(Array(header.utf8)) + "." + base64url(Array(payload.utf8))
        return signed + "." + base64url(key().sign(Array(signed.utf8).span))
    }
}

public func base64url(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
}

/// What a token says, unverified.
public func claims(of token: String) -> [String: Any] { part(1, of: token) }
public func header(of token: String) -> [String: Any] { part(0, of: token) }

private func part(_ index: Int, of token: String) -> [String: Any] {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.indices.contains(index) else { return [:] }
    var text = parts[index].replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
    while text.count % 4 != 0 { text += "=" }
    return Data(base64Encoded: text).flatMap { try? JSONSerialization.jsonObject(with: $0) } as? [String: Any] ?? [:]
}
