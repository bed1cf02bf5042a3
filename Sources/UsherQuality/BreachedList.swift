import Glibc
public import UsherModel

/// A file of breached passwords, one a line, all in one of two forms: the passwords themselves, or the SHA-1 of each as 40 hexadecimal digits or
/// the first of them, ten at least, perhaps with a colon and a number behind (how often it was seen).
///
/// The first line that can be of one form only decides. A line of 10 to 39 decimal digits alone can be either; if all lines are so, they are passwords.
struct BreachedList {
    private enum Form {
        case passwords
        case hashes(digits: Int)
    }

    /// What a line says as a hash.
    private struct Digits {
        /// The first 64 bits, the first digit on top.
        var prefix: UInt64 = 0
        var count = 0
        /// Whether this can be no password's line that merely looks so.
        var isSure = false

        /// Nil for what is no hash.
        init?(_ line: Span<UInt8>) {
            while count < line.count, let digit = Self.value(line[count]) {
                if count < 16 { prefix |= UInt64(digit) << UInt64(60 - 4 * count) }
                if digit > 9 { isSure = true }
                count += 1
            }
            guard (10...40).contains(count) else { return nil }
            if count == 40 { isSure = true }
            guard count < line.count else { return }
            guard line[count] == UInt8(ascii: ":"), count + 1 < line.count else { return nil }
            for index in count + 1..<line.count where !(0x30...0x39).contains(line[index]) { return nil }
            isSure = true
        }

        private static func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
            default: nil
            }
        }
    }

    let prefixes: [UInt64]
    let mask: UInt64

    /// - Throws: what is wrong with the file, and in which line.
    init(reading path: String, most: Int, hash: some SHA1Hash) throws(StartFailure) {
        let form = try Self.form(of: path)
        var prefixes: [UInt64] = []
        try TextLines.each(of: path) { line, number throws(StartFailure) in
            guard prefixes.count < most else { throw StartFailure("\(path): more than \(most.grouped) passwords.") }
            switch form {
            case .passwords: prefixes.append(hash.sha1Prefix(of: line))
            case .hashes(let digits):
                guard let hash = Digits(line), hash.count == digits else {
                    throw StartFailure(
                        "\(path):\(number): not \(digits) hexadecimal digits of a SHA-1, as in the lines before. "
                            + "If these are passwords that only look so, let another one come first.")
                }
                prefixes.append(hash.prefix)
            }
            return true
        }
        guard !prefixes.isEmpty else { throw StartFailure("\(path): there are no passwords in it.") }
        self.prefixes = prefixes
        switch form {
        case .passwords: mask = .max
        case .hashes(let digits): mask = digits < 16 ? ~(.max >> UInt64(4 * digits)) : .max
        }
    }

    private static func form(of path: String) throws(StartFailure) -> Form {
        var form = Form.passwords
        try TextLines.each(of: path) { line, _ in
            guard let hash = Digits(line) else { return false }
            if hash.isSure { form = .hashes(digits: hash.count) }
            return !hash.isSure
        }
        return form
    }
}

extension BreachedPasswords {
    /// Reads the list; it is not looked at again.
    /// - Throws: what is wrong with the file, and in which line.
    public init(reading path: String, most: Int = Limits.breachedPasswords, hash: some SHA1Hash) throws(StartFailure) {
        do throws(StartFailure) {
            let list = try BreachedList(reading: path, most: most, hash: hash)
            self.init(prefixes: list.prefixes, mask: list.mask, hash: hash)
        } catch {
            throw StartFailure("The list of breached passwords cannot be used: \(error.description)")
        }
    }
}
