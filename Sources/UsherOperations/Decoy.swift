import UsherModel
import UsherToken

/// What the password of a name that nobody has is checked against, so that it takes as long as a user's: a hash of a setting that some user's
/// hash has, each as probable as it is frequent.
enum Decoy {
    /// - Parameter draw: the name's own, always the same, which nobody can foretell. So a name keeps its setting while users come and
    ///   go, and changes it as a user does: once, as the settings of old hashes become rarer.
    /// - Returns: nil where no user has a hash of a known setting.
    static func setting(among hashes: [HashSetting], draw: UInt64) -> String? {
        let known = hashes.filter { !$0.setting.isEmpty && $0.users > 0 }.sorted { $0.setting < $1.setting }
        var place = Double(draw) / 0x1p64 * known.reduce(0) { $0 + Double($1.users) }
        for hash in known {
            place -= Double(hash.users)
            if place < 0 { return hash.setting }
        }
        return known.last?.setting
    }
}

extension AuthService {
    /// 64 bits of a name, under a key: to know them, one must have the secret.
    func draw(of name: LoginName?) -> UInt64 {
        // No token begins so: what is signed here can be none.
        let message = Array("a decoy for \(name?.folded ?? "")".utf8)
        return issuer.refreshKey.sign(message.span).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
