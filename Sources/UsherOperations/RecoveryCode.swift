import UsherModel

/// What stands in, once, for the code of an authenticator that is lost: 80 random bits, `abcd-efgh-ijkl-mnop`. Only its digest is kept.
enum RecoveryCode {
    private static let randomLength = 10
    /// Letters and digits of one, without hyphens.
    static let length = 16

    /// As many as a user has, and their digests.
    static func generate(for user: UserID, random: any RandomSource, hash: any KeyedHash) -> (texts: [String], digests: [[UInt8]])
    {
        var (texts, digests): ([String], [[UInt8]]) = ([], [])
        for _ in 0..<Limits.recoveryCodes {
            var code: [UInt8] = []
            random.secret(count: randomLength).withBytes {
                Base32.append($0, letters: "abcdefghijklmnopqrstuvwxyz234567", to: &code)
            }
            digests.append(digest(SecretBytes(copying: code.span), user, hash))
            let groups = stride(from: 0, to: length, by: 4).map { String(decoding: code[$0..<$0 + 4], as: UTF8.self) }
            texts.append(groups.joined(separator: "-"))
        }
        return (texts, digests)
    }

    /// The digests that are left when a code is used; nil if it is none of theirs. Takes the same time whichever it is.
    static func use(_ code: borrowing SecretBytes, of user: UserID, among digests: [[UInt8]], hash: any KeyedHash) -> [[UInt8]]? {
        let given = digest(code, user, hash)
        var left: [[UInt8]] = []
        for digest in digests {
            var difference: UInt8 = 0
            for (one, other) in zip(digest, given) { difference |= one ^ other }
            if difference != 0 { left.append(digest) }
        }
        return left.count < digests.count ? left : nil
    }

    /// With that many random bits in it, one hash is enough. The user is in it, so that it is good for no other.
    private static func digest(_ code: borrowing SecretBytes, _ user: UserID, _ hash: any KeyedHash) -> [UInt8] {
        hash.hmacSHA256(key: code, message: Array(user.description.utf8).span)
    }
}
