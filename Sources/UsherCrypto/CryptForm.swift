import UsherModel

extension StoredScheme {
    /// Makes sure that a hash of this scheme is one that libcrypt can have made, and that checking a password against it takes seconds at most.
    ///
    /// Hashes of the daemon's own need no such check: their cost is what the settings say.
    func check(_ hash: String) throws(HashFault) {
        let parts = hash.split(separator: "$", omittingEmptySubsequences: false).dropFirst(2)
        switch self {
        case .bcrypt: try Self.checkBcrypt(Array(parts))
        case .sha256, .sha512: try checkSHA(Array(parts))
        case .yescrypt: try checkYescrypt(Array(parts))
        case .scrypt: try checkScrypt(Array(parts))
        }
    }

    /// `<cost>$<salt of 22><hash of 31>`. The last characters of both stand for fewer bits than they could.
    private static func checkBcrypt(_ parts: [Substring]) throws(HashFault) {
        guard parts.count == 2, parts[0].utf8.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let cost = Int(parts[0]), (4...Limits.bcryptCost).contains(cost)
        else {
            throw HashFault("The cost of bcrypt must be 04 to \(Limits.bcryptCost).")
        }
        guard let values = values(parts[1], bcrypts), values.count == 53, values[21].isMultiple(of: 16),
            values[52].isMultiple(of: 4)
        else {
            throw HashFault("The salt and the hash of bcrypt must be 53 characters of ./A-Za-z0-9 that bcrypt can have made.")
        }
    }

    /// `[rounds=<number>$]<salt>$<hash>`
    private func checkSHA(_ parts: [Substring]) throws(HashFault) {
        var parts = parts
        let word = "rounds="
        if let first = parts.first, first.hasPrefix(word) {
            guard let rounds = HashText.number(first.dropFirst(word.utf8.count)), (1_000...Limits.shaCryptRounds).contains(rounds)
            else {
                throw HashFault("The rounds of sha256crypt and sha512crypt must be 1,000 to \(Limits.shaCryptRounds.grouped).")
            }
            parts.removeFirst()
        }
        try checkSaltAndDigest(parts, salts: 1...16)
    }

    /// `j<log2 N - 1><r - 1>$<salt>$<hash>`, as libxcrypt writes it: the two numbers are a character each.
    private func checkYescrypt(_ parts: [Substring]) throws(HashFault) {
        guard let values = parts.first.flatMap({ Self.values($0) }), values.count == 3, parts[0].first == "j", values[1] < 48,
            values[2] < 48
        else {
            throw HashFault("The parameters of yescrypt must be as libxcrypt writes them: j and two characters.")
        }
        try Self.checkWork(logN: values[1] + 1, r: values[2] + 1, p: 1)
        try checkSaltAndDigest(Array(parts.dropFirst()), salts: 1...86)
    }

    /// `<log2 N><r of 5><p of 5><salt>$<hash>`; the least digit of a number comes first.
    private func checkScrypt(_ parts: [Substring]) throws(HashFault) {
        guard let head = parts.first, let values = Self.values(head), values.count > 11 else {
            throw HashFault("The parameters of scrypt are 11 characters of ./0-9A-Za-z before the salt.")
        }
        func number(_ range: Range<Int>) -> Int { values[range].reversed().reduce(0) { $0 << 6 | $1 } }
        try Self.checkWork(logN: values[0], r: number(1..<6), p: number(6..<11))
        try checkSaltAndDigest([head.dropFirst(11)] + parts.dropFirst(), salts: 1...86)
    }

    /// scrypt and yescrypt fill 128·N·r bytes, p times, and hash 128·r·p bytes before and after (RFC 7914 §6), which takes as long as an N of
    /// 16. libcrypt takes no N under 4.
    private static func checkWork(logN: Int, r: Int, p: Int) throws(HashFault) {
        guard (2...30).contains(logN), r >= 1, p >= 1, r << logN <= Limits.hashMemory / 128,
            p <= Limits.hashWork / 128 / (r << logN + 16 * r)
        else {
            throw HashFault(
                "N of scrypt and yescrypt must be 4 at least; they may ask for \((Limits.hashMemory >> 20).grouped) MiB of memory, "
                    + "and scrypt fill \((Limits.hashWork >> 20).grouped) MiB in all.")
        }
    }

    private func checkSaltAndDigest(_ parts: [Substring], salts: ClosedRange<Int>) throws(HashFault) {
        guard parts.count == 2, let salt = Self.values(parts[0]), salts.contains(salt.count), let digest = Self.values(parts[1]),
            digest.count == digestLength
        else {
            throw HashFault(
                "The salt must be \(salts.lowerBound) to \(salts.upperBound) and the hash \(digestLength) characters of ./0-9A-Za-z."
            )
        }
    }

    /// What the characters stand for; nil if one is none of the alphabet.
    private static func values(_ text: Substring, _ alphabet: [UInt8] = usual) -> [Int]? {
        var values: [Int] = []
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            values.append(value)
        }
        return values
    }
}

private let usual = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
private let bcrypts = Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
