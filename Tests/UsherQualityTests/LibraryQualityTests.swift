import CPwquality
import Testing
import UsherModel

@testable import UsherQuality

@Suite struct LibraryQualityTests {
    private let quality: LibraryQuality
    private let withoutDictionary = LibraryQuality(dictionary: nil)

    init() throws { quality = LibraryQuality(dictionary: try CrackDictionary(opening: CrackDictionary.usualPath)) }

    @Test(
        "Good passwords of any composition pass",
        arguments: [
            "correct horse", "correct horse battery staple", "quiet lamp 7", "nurdlethwap", "тихая лампа", "静かなランプの光を見た",
            "p\u{1}x\u{7f}\u{ff}kq9",
            "93057164", "!%&=?:;_", "LKQWZRTP", "9zq.Kw7x",
        ])
    func good(_ password: String) throws {
        #expect(try quality.weakness(of: password) == nil)
    }

    @Test("The least that min_length can be is the library's own") func short() throws {
        #expect(try withoutDictionary.weakness(of: "9zq.K") == .tooShort(atLeast: 6))
        #expect(try withoutDictionary.weakness(of: "9zq.Kw") == nil)
    }

    @Test(arguments: ["password", "PASSWORD", "password123", "p4ssw0rd", "drowssap", "qwertyuiop", "dragon11"])
    func dictionaryWords(_ password: String) throws {
        #expect(try quality.weakness(of: password) == .dictionary)
        #expect(try withoutDictionary.weakness(of: password) == nil)
    }

    @Test(arguments: ["12345678", "abcdefgh", "aaaabbbbcccc", "        ", "abababababab"]) func simple(_ password: String) throws
    {
        #expect(try quality.weakness(of: password) == .tooSimple)
    }

    /// As the manual says of the setting "none".
    @Test(arguments: ["12345678", "abcdefgh", "aaaabbbbcccc", "abababababab"]) func onlyCracklibSeesThese(_ password: String)
        throws
    {
        #expect(try withoutDictionary.weakness(of: password) == nil)
    }

    @Test(arguments: ["aaaaaaaaaaaa", "racecarRACECAR"]) func palindromes(_ password: String) throws {
        #expect(try withoutDictionary.weakness(of: password) == .tooSimple)
    }

    @Test(
        arguments: [
            "ada.lovelace", "my LOVELACE 1815", "xx.Ada.Lovelace.xx", "ecalevol 1815 zq", "the Countess of", "ssetnuoc77kz",
            "babbage-club 9", "my example 7 lamp",
        ])
    func names(_ password: String) throws {
        #expect(try quality.weakness(of: password) == .containsName)
        #expect(try withoutDictionary.weakness(of: password) == .containsName)
        // Somebody else may have it.
        let other = PasswordOwner(username: Username(stored: "bob"), email: Email(stored: "b@x"))
        #expect(try withoutDictionary.weakness(of: password, owner: other) == nil)
    }

    @Test("Short parts of names are in too many words") func shortParts() throws {
        let owner = PasswordOwner(username: Username(stored: "ann"), email: Email(stored: "a.nn@abc.org"))
        #expect(try quality.weakness(of: "organ channel abc", owner: owner) == nil)
    }

    @Test("The longest password and the longest names") func longest() throws {
        let owner = PasswordOwner(
            username: Username(stored: String(repeating: "ab", count: 32)),
            email: Email(stored: String(repeating: "x.Y!", count: 60) + "@q.example"))
        let password = (0..<512).map { UInt8(33 + $0 * 37 % 90) }
        #expect(try quality.weakness(of: password, owner: owner) == nil)
        #expect(try quality.weakness(of: Array(repeating: 0xff, count: 512), owner: owner) == .tooSimple)
    }

    @Test("From several threads at once") func threads() async throws {
        let quality = quality
        let verdicts = try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<64 {
                group.addTask {
                    try quality.weakness(of: index.isMultiple(of: 2) ? "password123" : "correct horse \(index)")
                        == (index.isMultiple(of: 2) ? .dictionary : nil)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(verdicts == Array(repeating: true, count: 64))
    }

    @Test("Nothing that libpwquality can ask of a composition is on by default") func defaults() {
        let settings = unsafe pwquality_default_settings()
        defer { unsafe pwquality_free_settings(settings) }
        for setting in [
            PWQ_SETTING_DIG_CREDIT, PWQ_SETTING_UP_CREDIT, PWQ_SETTING_LOW_CREDIT, PWQ_SETTING_OTH_CREDIT, PWQ_SETTING_MIN_CLASS,
            PWQ_SETTING_MAX_REPEAT, PWQ_SETTING_MAX_CLASS_REPEAT, PWQ_SETTING_MAX_SEQUENCE, PWQ_SETTING_GECOS_CHECK,
        ] {
            var value: Int32 = -1
            #expect(unsafe pwquality_get_int_value(settings, setting, &value) == 0)
            #expect(value == 0)
        }
    }
}
