import Testing
import UsherModel

@testable import UsherCrypto

/// A password and a hash of it that another program has made.
struct CryptVector: Sendable, CustomTestStringConvertible {
    let maker: String
    let password: [UInt8]
    let hash: String
    var testDescription: String { "\(maker) \(hash.prefix(4))" }

    init(_ maker: String, _ password: String, _ hash: String) { self.init(maker, Array(password.utf8), hash) }

    init(_ maker: String, _ password: [UInt8], _ hash: String) {
        self.maker = maker
        self.password = password
        self.hash = hash
    }

    static let all = [
        CryptVector("crypt_blowfish", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        CryptVector("libxcrypt", "password123", "$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa"),
        CryptVector("PHP password_hash", "password123", "$2y$04$gd7LqO4td3FwDKC5VfZzlO3Zqs3BfAcsthcbQISzey3QwCij1cQI."),
        CryptVector("PHP crypt", [0xff, 0xff, 0xa3], "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
        CryptVector("libxcrypt", "password123", "$y$j75$0XCgFAqdOsNteKxSHQMoD0$OafniXCMqHRdrbOmrHEUtzOihTri/xyvru9EYz7ei6/"),
        CryptVector("escrypt", "pleaseletmein", "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"),
        CryptVector("openssl passwd", "password123", "$5$usherusher$WTtyKiSWsC..gzhs5n/v8VsUZ9OX6qA498U2at7sgC2"),
        CryptVector(
            "openssl passwd", "password123",
            "$6$usherusher$KgB0i5BZhhcua33RYHAyHaV/uyO7ad1xWJDOnDj02L11xKEpGuGsLlgQTlkDQXInCpP7sUkzcveSSrYwLPBRQ/"),
        CryptVector("ruby-bcrypt", "password123", "$2a$04$I36K8CnZFDbOzrNtH9uoJ.O86IYcNpJBWNpxT2yYBDLcEU91yMdOS"),
        CryptVector("passlib", "password123", "$5$rounds=1000$rDzzhwS3Z9Z0L/6K$i2kXdTd7W28z/pGCUk4iT5Y5LV1xyERjVMc5i.WN2o9"),
        CryptVector(
            "passlib", "password123",
            "$6$V3PZ65Vt1qD5NsJS$IkOj7.KETbdeKoggTlwaNwm0QwJJKH/eCJIBKmfViMlmRVZECstvuDTE83Dcqey1P/77/vMIWDE9zmUEePBdE1"),
        CryptVector(
            "Django", "password123", "pbkdf2_sha256$1000$NaClNaClNaClNaClNaCl22$ncusFC+dDHwSnvnyxsQRcL8u5+QWxSjFPKeTrG25PP0="),
        CryptVector("Django", "pässwörd🔑", "pbkdf2_sha256$1$b.c-d_e$RT3qQAkpnFJ1USXcPz6xY4KSVtINPtfMVOLiJAIATpo="),
        CryptVector(
            "PHP password_hash", "password123",
            "$argon2id$v=19$m=1024,t=2,p=1$dFBVdGoxYUZHMUpUcld2Ng$aHZew+VX2gTmmBAinzTufZn13I+YFGNC3dELEtV1ZZo"),
        CryptVector(
            "PHP password_hash", "password123",
            "$argon2i$v=19$m=1024,t=3,p=2$eGRXS1U3T3VUU3FrSUpaVQ$0SLSiG8bEG5Fv0F9UCSjGzR/W41d+WaEi9w7n50mDDg"),
        CryptVector(
            "argon2-cffi", "password123",
            "$argon2id$v=19$m=64,t=1,p=4$KfxElvzwCQ/CHz43P2V50A$kddgwGLJp3u95gZHdXavgHmimM/Omwv6T9zR1Y6aB8k"),
        CryptVector(
            "argon2-cffi", "pässwörd🔑",
            "$argon2i$v=19$m=64,t=1,p=1$v2rLN24CreZHWBUh5JRZiA$w98kSHiCQH9GQ444g2+zN+oZOQ7rZjDYei9wewgSlk8"),
    ]

    /// A hash that is shorter than it was, or longer, may be one that something else could have.
    var mayChangeLength: Bool { hash.hasPrefix("$argon2") }
}

@Suite struct CryptHasherTests {
    static let cheap = [PasswordSettings(scheme: .yescrypt, cost: 1), PasswordSettings(scheme: .bcrypt, cost: 4)]
    private static let hasher = try! CryptHasher(settings: cheap[0])

    private func isMatch(_ password: [UInt8], _ hash: String) throws -> Bool {
        try Self.hasher.verify(password, against: PasswordHash(hash))
    }

    // MARK: Stored hashes

    @Test("Hashes of other programs verify", arguments: CryptVector.all) func vectors(_ vector: CryptVector) throws {
        #expect(try isMatch(vector.password, vector.hash))
        #expect(try !isMatch(vector.password + [0x21], vector.hash))
        #expect(try !isMatch(Array(vector.password.dropLast()), vector.hash))
        #expect(try !isMatch([], vector.hash))
    }

    @Test("A password with a NUL does not match as its beginning would", arguments: CryptVector.all)
    func nul(_ vector: CryptVector) throws {
        #expect(try !isMatch(vector.password + [0], vector.hash))
        #expect(try !isMatch(vector.password + [0] + vector.password, vector.hash))
        #expect(try !isMatch([0], vector.hash))
    }

    @Test(
        "A stored hash of a foreign scheme, or none, is an error of ours, and never DES",
        arguments: [
            "", "garbage", "ga3B1/aPyo5qQ", "*", "*0", "*1", "!", "x", "$", "$$", "$2$04$", "$2x$04$abcdefghijklmnopqrstuu",
            "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "$3$$8846f7eaee8fb117ad06bdd830b7586c",
            "$sha1$40000$jtNX3nZ2$hBNaIXkt4wBI2o5rsi8KejSjNqIq", "_J9..K0AyUubWjpXYYxs", "$gy$j9T$", "$2b", "$y", "$6",
            " $2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa",
            "!$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa",
        ])
    func foreign(_ hash: String) {
        let error = #expect(throws: UsherError.self) { try isMatch(Array("x".utf8), hash) }
        #expect(error?.code == .internal)
        #expect(error?.cause?.contains("must be of one of the schemes") == true)
    }

    @Test("A stored hash that was cut off anywhere never matches", arguments: CryptVector.all)
    func truncated(_ vector: CryptVector) throws {
        // The costly vectors only near both ends.
        let count = vector.hash.utf8.count
        let lengths = vector.hash.hasPrefix("$2b$10") || vector.hash.hasPrefix("$7$") ? [4, 7, 29, count - 1] : Array(0..<count)
        for length in lengths {
            do {
                #expect(try !isMatch(vector.password, String(vector.hash.prefix(length))))
                #expect(vector.mayChangeLength)
            } catch let error as UsherError {
                #expect(error.code == .internal)
            }
        }
    }

    @Test("A stored hash with more behind it, or a NUL, never matches") func extended() {
        for vector in CryptVector.all {
            for tail in ["x", "\n", "\0", "\0abc", "$", "=", "A", "AAAA"] {
                #expect((try? isMatch(vector.password, vector.hash + tail)) != true)
                guard !vector.mayChangeLength else { continue }
                #expect(throws: UsherError.self) { try isMatch(vector.password, vector.hash + tail) }
            }
        }
    }

    @Test("No error holds a hash or a password") func quietErrors() {
        let password = "Tr0ub4dor&3-the-password"
        for hash in ["unheard-of-hash", "$2b$04$damaged-hash", "$y$j9T$damaged-hash", "$6$damaged-hash$with-too-little-behind"] {
            let error = #expect(throws: UsherError.self) { try isMatch(Array(password.utf8), hash) }
            let told = "\(String(describing: error)) \(error?.message ?? "") \(error?.cause ?? "")"
            #expect(!told.contains("damaged-hash") && !told.contains("unheard-of-hash") && !told.contains(password))
        }
    }

    // MARK: New hashes

    @Test("What was hashed verifies, and nothing near it does", arguments: cheap) func roundTrip(_ settings: PasswordSettings)
        throws
    {
        let hasher = try CryptHasher(settings: settings)
        for password in ["correct horse battery staple", "Ünïcödé 🔑 pass", "        ", "\u{1}\u{7f}binary\u{ff}"] {
            let hash = try hasher.hash(password)
            #expect(try hasher.verify(password, against: hash))
            #expect(try !hasher.verify(password + " ", against: hash))
            #expect(try !hasher.verify("x" + password, against: hash))
            #expect(!hasher.isOutdated(hash, for: password))
        }
    }

    @Test("Each hash has a salt of its own", arguments: cheap) func salts(_ settings: PasswordSettings) throws {
        let hasher = try CryptHasher(settings: settings)
        let hashes = try (0..<5).map { _ in try hasher.hash("password123").text }
        #expect(Set(hashes).count == 5)
    }

    @Test("Hashing from several threads at once") func threads() async throws {
        let results = try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<16 {
                group.addTask {
                    let hasher = try CryptHasher(settings: Self.cheap[index % 2])
                    let hash = try hasher.hash("password \(index)")
                    return try hasher.verify("password \(index)", against: hash)
                        && !hasher.verify("password \(index + 1)", against: hash)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results == Array(repeating: true, count: 16))
    }

    // MARK: Lengths

    @Test("bcrypt: 72 bytes count, 73 are refused and never match as their first 72 would") func bcryptLength() throws {
        // crypt_blowfish's own vector of what bcrypt does with a long password.
        let long = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
        let known = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
        #expect(long.count == 72)
        #expect(try isMatch(long, known))
        #expect(try !isMatch(Array(long.dropLast()), known))
        #expect(try !isMatch(long + Array("chars after 72 are ignored".utf8), known))
        #expect(try !isMatch(long + [0], known))

        let hasher = try CryptHasher(settings: Self.cheap[1])
        let hash = try hasher.hash(long)
        #expect(try hasher.verify(long, against: hash))
        #expect(try !hasher.verify(long + [0x61], against: hash))
        let error = #expect(throws: UsherError.self) { try hasher.hash(long + [0x61]) }
        #expect(error?.code == .weakPassword)
        #expect(error?.detail == .reason("too_long"))
    }

    @Test("yescrypt: every byte of 510, 511 and 512 counts; 513 are refused", arguments: [510, 511, 512])
    func yescryptLength(_ length: Int) throws {
        let password = (0..<length).map { UInt8($0 % 255 + 1) }
        let hash = try Self.hasher.hash(password)
        #expect(try Self.hasher.verify(password, against: hash))
        for index in [0, 255, length - 1] {
            var other = password
            other[index] ^= 0x80
            #expect(try !Self.hasher.verify(other, against: hash))
        }
        #expect(try !Self.hasher.verify(Array(password.dropLast()), against: hash))
        for longer in [password + [1], password + Array(repeating: 1, count: 513), password + Array(repeating: 1, count: 60_000)]
        where longer.count > 512 {
            #expect(try !Self.hasher.verify(longer, against: hash))
            let error = #expect(throws: UsherError.self) { try Self.hasher.hash(longer) }
            #expect(error?.detail == .reason("too_long"))
        }
    }

    @Test("A new password with a NUL is refused", arguments: cheap) func newNUL(_ settings: PasswordSettings) throws {
        let hasher = try CryptHasher(settings: settings)
        for password in [[0], Array("password\0".utf8), Array("\0password".utf8), Array("pass\0word".utf8)] {
            let error = #expect(throws: UsherError.self) { try hasher.hash(password) }
            #expect(error?.code == .weakPassword)
            #expect(error?.detail == .reason("nul"))
        }
    }

    // MARK: The decoy

    @Test("No password matches the decoy, and it takes the way that a stored hash takes", arguments: cheap)
    func decoy(_ settings: PasswordSettings) throws {
        let hasher = try CryptHasher(settings: settings)
        let stored = try hasher.hash("password123")
        #expect(hasher.decoy(like: nil).text.utf8.count == stored.text.utf8.count)
        #expect(hasher.decoy(like: nil).text.prefix(6) == stored.text.prefix(6))
        // The same outcome, false and no error, that a wrong password has on a stored hash.
        for password in ["", "password123", "pass\0word", String(repeating: "x", count: 73), String(repeating: "x", count: 600)] {
            #expect(try !hasher.verify(password, against: hasher.decoy(like: nil)))
            #expect(try password == "password123" || !hasher.verify(password, against: stored))
        }
        #expect(!hasher.isOutdated(hasher.decoy(like: nil), for: "password123"))
        // Another one each time: no hash that is found somewhere can be told to be a decoy.
        let other = try CryptHasher(settings: settings).decoy(like: nil)
        #expect(other != hasher.decoy(like: nil))
    }

    /// What the hash of another program leaves of work for an unknown name.
    @Test("A decoy can be had like any stored hash", arguments: CryptVector.all) func decoyLike(_ vector: CryptVector) throws {
        let setting = PasswordHash(vector.hash).setting
        let decoy = Self.hasher.decoy(like: setting)
        #expect(decoy.setting == setting && vector.hash.hasPrefix(setting))
        for password in ["", "password123", "pass\0word", String(repeating: "x", count: 600)] {
            #expect(try !Self.hasher.verify(password, against: decoy))
        }
    }

    @Test(
        "A setting of no scheme has the usual decoy",
        arguments: ["", "$1$", "$argon2id$v=19$", "$argon2id$v=19$m=4,t=1,p=1$", "pbkdf2_sha256$99999999999$", "x"])
    func decoyUnlike(_ setting: String) {
        #expect(Self.hasher.decoy(like: setting) == Self.hasher.decoy(like: nil))
    }

    // MARK: Outdated hashes

    /// Hashes as they would be stored under several settings; only their settings matter here.
    static let storedSettings = [
        "$y$j75$0XCgFAqdOsNteKxSHQMoD0$OafniXCMqHRdrbOmrHEUtzOihTri/xyvru9EYz7ei6/", "$y$j9T$LAhqmteIdr2wUeNxXTLIe0$",
        "$y$jBT$vBfBy2oxT3kf4snlrZggf0$",
        "$2b$04$/aK7BNujGJJwQ5e1ow8Ehe", "$2b$10$RZPhrWQx7kN14VmPLMuMiu", "$2b$12$RZPhrWQx7kN14VmPLMuMiu",
        "$2a$12$RZPhrWQx7kN14VmPLMuMiu", "$argon2id$v=19$m=65536,t=4,p=1$", "pbkdf2_sha256$600000$",
        "$2y$12$RZPhrWQx7kN14VmPLMuMiu", "$6$usherusher$", "$5$usherusher$", "$7$C6..../....SodiumChloride$",
    ]

    @Test(
        "A hash is outdated unless it is of the present scheme and cost",
        arguments: zip(
            [(.yescrypt, 1), (.yescrypt, 5), (.yescrypt, 7), (.bcrypt, 4), (.bcrypt, 10), (.bcrypt, 12)]
                as [(PasswordSettings.Scheme, Int)],
            ["$y$j75$", "$y$j9T$", "$y$jBT$", "$2b$04$", "$2b$10$", "$2b$12$"]))
    func outdated(_ setting: (PasswordSettings.Scheme, Int), _ present: String) throws {
        let hasher = try CryptHasher(settings: PasswordSettings(scheme: setting.0, cost: setting.1))
        for stored in Self.storedSettings {
            #expect(hasher.isOutdated(PasswordHash(stored), for: "password123") == !stored.hasPrefix(present))
        }
    }

    @Test("A password that the present scheme cannot take keeps its hash") func unfit() throws {
        let yescrypt = PasswordHash(Self.storedSettings[0])
        let bcrypt = PasswordHash(Self.storedSettings[3])
        let toBcrypt = try CryptHasher(settings: PasswordSettings(scheme: .bcrypt, cost: 4))
        #expect(toBcrypt.isOutdated(yescrypt, for: Array(repeating: 0x61, count: 72)))
        #expect(!toBcrypt.isOutdated(yescrypt, for: Array(repeating: 0x61, count: 73)))
        #expect(!toBcrypt.isOutdated(yescrypt, for: "pass\0word"))
        #expect(Self.hasher.isOutdated(bcrypt, for: Array(repeating: 0x61, count: 512)))
        #expect(!Self.hasher.isOutdated(bcrypt, for: Array(repeating: 0x61, count: 513)))
    }

    // MARK: Settings

    @Test("Every cost that the settings allow is one that libcrypt takes", arguments: PasswordSettings.Scheme.allCases)
    func costs(_ scheme: PasswordSettings.Scheme) throws {
        for cost in scheme.costs { _ = try CryptHasher(settings: PasswordSettings(scheme: scheme, cost: cost)) }
        for cost in [scheme.costs.lowerBound - 1, scheme.costs.upperBound + 1, -1, 1_000] {
            let error = #expect(throws: UsherError.self) {
                try CryptHasher(settings: PasswordSettings(scheme: scheme, cost: cost))
            }
            #expect(error?.cause?.contains("cost \(cost)") == true)
        }
    }
}
