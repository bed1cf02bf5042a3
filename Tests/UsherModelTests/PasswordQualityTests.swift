import Testing
import UsherModel

@Suite struct PasswordQualityTests {
    @Test(arguments: [
        ("ada", "ada@example.org", ["example"]),
        ("Ada.Lovelace", "ADA@Mail.Example.ORG", ["ada.lovelace", "lovelace", "mail", "example"]),
        (
            "margaret_h-1936", "m.hamilton+apollo@localhost",
            ["margaret_h-1936", "margaret", "1936", "m.hamilton+apollo", "hamilton", "apollo", "localhost"]
        ),
        ("bob", "b@x", []), (String(repeating: "ab", count: 32), "b@x", ["abababababababababababab"]),
        ("grace", "grace@grace.info", ["grace"]), ("kurt", "k@inner-label.museum", ["kurt", "inner-label"]),
    ])
    func wordsOfTheOwner(_ username: String, _ email: String, _ words: [String]) throws {
        let owner = PasswordOwner(username: try Username(parsing: username), email: try Email(parsing: email))
        #expect(owner.words == words)
        // libpwquality takes them as a list with blanks between.
        #expect(owner.words.allSatisfy { !$0.contains(" ") })
    }

    @Test func eachWeaknessHasAWordAndASentence() {
        let all: [PasswordWeakness] = [
            .tooShort(atLeast: 8), .tooLong(atMost: 72), .nul, .containsName, .tooSimple, .dictionary, .breached,
        ]
        let errors = all.map(UsherError.weakPassword)
        #expect(Set(errors.map(\.message)).count == all.count)
        #expect(errors.map(\.detail) == all.map { .reason($0.word) })
        #expect(
            all.map(\.word) == ["too_short", "too_long", "nul", "contains_name", "too_simple", "dictionary", "breached"])
        #expect(errors.allSatisfy { $0.code == .weakPassword })
        #expect(errors[0].message.contains("8") && errors[1].message.contains("72"))
    }
}
