import UsherModel

func secret(_ text: String) -> SecretBytes { secret(Array(text.utf8)) }

func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes.span) }

func hex(_ digits: String) -> [UInt8] {
    let digits = Array(digits.utf8).map { UInt8(String(UnicodeScalar($0)), radix: 16)! }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func base64URL(_ text: String) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var bytes: [UInt8] = []
    var bits = 0
    var count = 0
    for character in text.utf8 {
        bits = bits << 6 | alphabet.firstIndex(of: character)!
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(bits >> count & 0xff))
        }
    }
    return bytes
}

// What #expect can look into: values that can be copied and kept.

extension SigningKey {
    func sign(_ message: [UInt8]) -> [UInt8] { sign(message.span) }
    func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool { isValid(signature.span, of: message.span) }
}

extension PasswordHasher {
    func hash(_ password: [UInt8]) throws -> PasswordHash { try hash(secret(password)) }
    func verify(_ password: [UInt8], against hash: PasswordHash) throws -> Bool { try verify(secret(password), against: hash) }
    func isOutdated(_ hash: PasswordHash, for password: [UInt8]) -> Bool { isOutdated(hash, for: secret(password)) }

    func hash(_ password: String) throws -> PasswordHash { try hash(Array(password.utf8)) }
    func verify(_ password: String, against hash: PasswordHash) throws -> Bool { try verify(Array(password.utf8), against: hash) }
    func isOutdated(_ hash: PasswordHash, for password: String) -> Bool { isOutdated(hash, for: Array(password.utf8)) }
}
