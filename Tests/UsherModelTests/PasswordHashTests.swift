import Testing
import UsherModel

@Suite struct PasswordHashTests {
    @Test(arguments: [
        ("$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa", "$2b$10$"),
        ("$y$j75$0XCgFAqdOsNteKxSHQMoD0$OafniXCMqHRdrbOmrHEUtzOihTri/xyvru9EYz7ei6/", "$y$j75$"),
        ("$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "$7$C6..../...."),
        ("$6$usherusher$KgB0i5BZhhcua33", "$6$"), ("$6$rounds=10000$salt$KgB0i5BZhhcua33", "$6$rounds=10000$"),
        ("$5$salt$x", "$5$"), ("$5$rounds=5$salt$x", "$5$rounds=5$"), ("$fast$1$2$3", "$fast$1$"), ("$7$C6", "$7$C6"),
        ("$argon2id$v=19$m=65536,t=4,p=1$c2FsdA$aGFzaA", "$argon2id$v=19$m=65536,t=4,p=1$"),
        ("$argon2i$v=19$m=8,t=1,p=1$", "$argon2i$v=19$m=8,t=1,p=1$"), ("$argon2id$v=19", "$argon2id$v=19"),
        ("pbkdf2_sha256$600000$salt$hash=", "pbkdf2_sha256$600000$"), ("pbkdf2_sha256$5", ""), ("pbkdf2_sha1$5$salt$hash", ""),
        ("$6$", "$6$"), ("", ""), ("x", ""), ("x$y$z$", ""), ("$1", ""), ("$a$b", "$a$b"),
    ])
    func itsSettingIsWhatCostsTime(hash: String, setting: String) {
        #expect(PasswordHash(hash).setting == setting)
    }
}
