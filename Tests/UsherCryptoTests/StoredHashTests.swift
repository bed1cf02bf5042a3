import Testing
import UsherModel

@testable import UsherCrypto

@Suite struct StoredHashTests {
    private let hasher = try! CryptHasher(settings: CryptHasherTests.cheap[0])

    private func objection(_ hash: String) -> String? { hasher.objection(to: PasswordHash(hash)) }

    @Test("Hashes of other programs may be brought along", arguments: CryptVector.all) func accepted(_ vector: CryptVector) {
        #expect(objection(vector.hash) == nil)
    }

    @Test("So may our own", arguments: CryptHasherTests.cheap + [PasswordSettings(scheme: .yescrypt, cost: 2)])
    func own(_ settings: PasswordSettings) throws {
        for _ in 0..<20 { #expect(objection(try CryptHasher(settings: settings).hash("password123").text) == nil) }
    }

    @Test("Every yescrypt cost that the settings allow is one that may be brought along") func costs() throws {
        for cost in PasswordSettings.Scheme.yescrypt.costs {
            let decoy = try CryptHasher(settings: PasswordSettings(scheme: .yescrypt, cost: cost)).decoy(like: nil)
            #expect(objection(decoy.text) == nil)
        }
    }

    @Test("What was cut off or has more behind it is refused, or is another hash", arguments: CryptVector.all)
    func cut(_ vector: CryptVector) {
        guard !vector.mayChangeLength else { return }
        for length in 0..<vector.hash.utf8.count { #expect(objection(String(vector.hash.prefix(length))) != nil) }
        for tail in ["x", "\n", "\0", "$", "=", " ", "é", "AAAA"] { #expect(objection(vector.hash + tail) != nil) }
        for head in [" ", "!", "x", "\0"] { #expect(objection(head + vector.hash) != nil) }
    }

    private static let salt = "c2FsdHNhbHQ", digest = "aHZew+VX2gTmmBAinzTufZn13I+YFGNC3dELEtV1ZZo"
    private static let bcrypt = "RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa"
    private static let yescrypt = "0XCgFAqdOsNteKxSHQMoD0$OafniXCMqHRdrbOmrHEUtzOihTri/xyvru9EYz7ei6/"
    private static let django = "ncusFC+dDHwSnvnyxsQRcL8u5+QWxSjFPKeTrG25PP0="

    /// What is wrong, and a word of what is said of it.
    private static let bad: [(String, String)] = [
        ("", "schemes"), ("password123", "schemes"), ("$argon2d$v=19$m=64,t=1,p=1$\(salt)$\(digest)", "schemes"),
        ("pbkdf2_sha1$1000$salt$\(django)", "schemes"), ("argon2$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(digest)", "schemes"),
        ("bcrypt_sha256$$2b$12$\(bcrypt)", "schemes"), ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "schemes"), ("{SSHA}x", "schemes"),
        // Argon2.
        ("$argon2id$v=16$m=64,t=1,p=1$\(salt)$\(digest)", "version 19"),
        ("$argon2id$m=64,t=1,p=1$\(salt)$\(digest)", "is $argon2id"),
        ("$argon2id$v=19$m=64,t=1$\(salt)$\(digest)", "in this order"),
        ("$argon2id$v=19$t=1,m=64,p=1$\(salt)$\(digest)", "order"),
        ("$argon2id$v=19$m=64,t=1,p=1,keyid=x$\(salt)$\(digest)", "no others"),
        ("$argon2id$v=19$m=064,t=1,p=1$\(salt)$\(digest)", "order"),
        ("$argon2id$v=19$m=64,t=-1,p=1$\(salt)$\(digest)", "passes"), ("$argon2id$v=19$m=64,t=+1,p=1$\(salt)$\(digest)", "order"),
        ("$argon2id$v=19$m=64,t=0,p=1$\(salt)$\(digest)", "passes"),
        ("$argon2id$v=19$m=64,t=65537,p=1$\(salt)$\(digest)", "passes"),
        ("$argon2id$v=19$m=7,t=1,p=1$\(salt)$\(digest)", "8 KiB a lane"),
        ("$argon2id$v=19$m=31,t=1,p=4$\(salt)$\(digest)", "8 KiB a lane"),
        ("$argon2id$v=19$m=1048577,t=1,p=1$\(salt)$\(digest)", "1,048,576 KiB"),
        ("$argon2id$v=19$m=1048576,t=5,p=1$\(salt)$\(digest)", "4,194,304"),
        ("$argon2id$v=19$m=9223372036854775807,t=1,p=1$\(salt)$\(digest)", "KiB"),
        ("$argon2id$v=19$m=64,t=1,p=0$\(salt)$\(digest)", "lanes"),
        ("$argon2id$v=19$m=99999999999999999999,t=1,p=1$\(salt)$\(digest)", "order"),
        ("$argon2id$v=19$m=4096,t=1,p=65$\(salt)$\(digest)", "1 to 64"),
        ("$argon2id$v=19$m=64,t=1,p=1$c2FsdA$\(digest)", "salt"), ("$argon2id$v=19$m=64,t=1,p=1$\(salt)=$\(digest)", "padding"),
        ("$argon2id$v=19$m=64,t=1,p=1$\(salt)$c2FsdHNhbHQ", "16 to 64"),
        ("$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(digest.dropLast())p", "base64"),
        ("$argon2id$v=19$m=64,t=1,p=1$\(salt)$-\(digest.dropFirst())", "base64"),
        ("$argon2id$v=19$m=64,t=1,p=1$\(String(repeating: "A", count: 88))$\(digest)", "salt"),
        // Django.
        ("pbkdf2_sha256$0$salt$\(django)", "iterations"), ("pbkdf2_sha256$10000001$salt$\(django)", "10,000,000"),
        ("pbkdf2_sha256$01000$salt$\(django)", "iterations"), ("pbkdf2_sha256$1e3$salt$\(django)", "iterations"),
        ("pbkdf2_sha256$1000$$\(django)", "salt"), ("pbkdf2_sha256$1000$sa lt$\(django)", "salt"),
        ("pbkdf2_sha256$1000$sält$\(django)", "salt"),
        ("pbkdf2_sha256$1000$\(String(repeating: "s", count: 65))$\(django)", "salt"),
        ("pbkdf2_sha256$1000$salt$\(django.dropLast())", "32 bytes"),
        ("pbkdf2_sha256$1000$salt$\(django.dropLast(2))1=", "32 bytes"), ("pbkdf2_sha256$1000$salt$c2FsdHNhbHRz", "32 bytes"),
        ("pbkdf2_sha256$1000$salt$\(django)$x", "Django"),
        // libcrypt's.
        ("$2b$03$\(bcrypt)", "04 to 17"), ("$2b$18$\(bcrypt)", "04 to 17"), ("$2b$31$\(bcrypt)", "04 to 17"),
        ("$2b$4$\(bcrypt)", "04"),
        ("$2b$+9$\(bcrypt)", "04 to 17"), ("$2x$10$\(bcrypt)", "schemes"), ("$2b$10$\(bcrypt.dropLast())b", "53"),
        ("$2b$10$RZPhrWQx7kN14VmPLMuMivLobBrlb5D1XJHrpABdPsCLJK9kpbWLa", "53"), ("$2b$10$\(bcrypt.dropLast())=", "53"),
        ("$y$j75$$\(yescrypt.split(separator: "$")[1])", "salt"), ("$y$k75$\(yescrypt)", "yescrypt"),
        ("$y$j7$\(yescrypt)", "yescrypt"),
        ("$y$jGT$\(yescrypt)", "MiB"), ("$y$jjj$\(yescrypt)", "MiB"), ("$y$jzz$\(yescrypt)", "yescrypt"),
        ("$7$J6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "MiB"),
        ("$7$zzzzzzzzzzzSodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "MiB"),
        // Little memory, many times over; and an N that libcrypt does not take.
        ("$7$0/....zzz6.SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "MiB"),
        ("$7$//..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "4 at least"),
        ("$y$j.5$\(yescrypt)", "4 at least"),
        ("$7$C6....z2...SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "MiB"),
        ("$6$rounds=999$usher$x", "1,000 to 2,000,000"), ("$6$rounds=2000001$usher$x", "1,000 to 2,000,000"),
        ("$6$rounds=5e3$usher$x", "rounds"),
        (
            "$6$seventeen.letters$KgB0i5BZhhcua33RYHAyHaV/uyO7ad1xWJDOnDj02L11xKEpGuGsLlgQTlkDQXInCpP7sUkzcveSSrYwLPBRQ/",
            "1 to 16"
        ),
    ]

    @Test("What is absurd or malformed is refused, and told why", arguments: bad) func refused(_ hash: String, _ word: String) {
        let objection = objection(hash)
        #expect(objection?.contains(word) == true, "\(objection ?? "none")")
        #expect(hash.isEmpty || objection?.contains(hash) != true)
    }

    @Test("No work is done for one of absurd cost that is stored all the same") func absurd() {
        for (hash, _) in Self.bad where hash.hasPrefix("$argon2") || hash.hasPrefix("pbkdf2") {
            let error = #expect(throws: UsherError.self) { try hasher.verify("password123", against: PasswordHash(hash)) }
            #expect(error?.code == .internal)
            #expect(error?.cause?.contains(Self.digest) == false)
        }
    }

    @Test("Each is replaced at the first good login", arguments: CryptVector.all) func outdated(_ vector: CryptVector) {
        let isOwn = vector.hash.hasPrefix("$y$j75$")
        #expect(hasher.isOutdated(PasswordHash(vector.hash), for: vector.password) == !isOwn)
    }

    @Test("A password of 512 bytes is the longest, whatever the scheme") func longest() throws {
        // By hashlib.pbkdf2_hmac, of 512 and of 513 times "p".
        let hashes = ["g8uDT43fXbhbytR8zKXieGQSHkedlJKkvZTqQnetZ48=", "6p7sdgwi5Ka4GdQjVAOSBXfMsyJpFAV32ou2w1Fh6bA="]
        for (index, hash) in hashes.enumerated() {
            let password = String(repeating: "p", count: 512 + index)
            #expect(try hasher.verify(password, against: PasswordHash("pbkdf2_sha256$1$salt$\(hash)")) == (index == 0))
        }
    }

    @Test("Base64 comes back, and each text is the only one of its bytes") func base64() {
        for count in 0..<40 {
            let bytes = HashText.random(count: count)
            for isPadded in [true, false] {
                let text = HashText.base64(bytes, isPadded: isPadded)
                #expect(HashText.base64(text, isPadded: isPadded) == bytes)
                #expect(count % 3 == 0 || HashText.base64(text, isPadded: !isPadded) == nil)
            }
        }
        #expect(HashText.base64(Array("foobar".utf8), isPadded: true) == "Zm9vYmFy")
        #expect(HashText.base64(Array("foob".utf8), isPadded: true) == "Zm9vYg==")
        for text in ["Zh==", "Zm9=", "Z===", "====", "Zg=", "Zg=g", "Z", "Zm9v\n"] {
            #expect(HashText.base64(text, isPadded: true) == nil)
        }
    }
}
