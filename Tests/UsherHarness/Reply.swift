import Foundation

/// One reply, read by another JSON implementation than the daemon's own.
public struct Reply: CustomStringConvertible {
    public let line: String
    public let members: [String: Any]

    /// - Parameter bytes: one line with its LF.
    public init(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n"),
            text.dropLast().allSatisfy({ $0 != "\n" }),
            let members = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any]
        else { preconditionFailure("not one line of JSON: \(String(decoding: bytes, as: UTF8.self))") }
        line = String(text.dropLast())
        self.members = members
    }

    public var description: String { line }

    public var isOK: Bool { bool("ok") == true }
    public var error: String? { string("error") }
    public var field: String? { string("field") }

    public func has(_ name: String) -> Bool { members[name] != nil }
    public func isNull(_ name: String) -> Bool { members[name] is NSNull }
    public func string(_ name: String) -> String? { members[name] as? String }
    public func integer(_ name: String) -> Int64? { (members[name] as? NSNumber)?.int64Value }
    public func bool(_ name: String) -> Bool? { members[name] as? Bool }
    public func strings(_ name: String) -> [String]? { members[name] as? [String] }
    public func object(_ name: String) -> [String: Any]? { members[name] as? [String: Any] }
    public func objects(_ name: String) -> [[String: Any]]? { members[name] as? [[String: Any]] }

    public var accessToken: String { string("access_token") ?? "no access token in \(line)" }
    public var refreshToken: String { string("refresh_token") ?? "no refresh token in \(line)" }
    public var claims: [String: Any]? { object("claims") }
}

/// A request as one line.
public func json(_ members: [String: Any]) -> String {
    guard let data = try? JSONSerialization.data(withJSONObject: members, options: [.sortedKeys, .withoutEscapingSlashes]) else {
        preconditionFailure("no JSON: \(members)")
    }
    return String(decoding: data, as: UTF8.self)
}

/// JSON's null, as a member of a request.
public func null() -> Any { NSNull() }
