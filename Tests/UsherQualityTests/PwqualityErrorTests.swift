import Testing
import UsherModel

@testable import UsherQuality

@Suite struct PwqualityErrorTests {
    @Test("Every error of the library has its meaning") func all() {
        #expect(PwqualityError.allCases.map(\.rawValue) == (1...29).map { -$0 })
        for error in PwqualityError.allCases where error.weakness == nil {
            #expect(error.asFailure.code == .internal)
            #expect(error.asFailure.cause?.hasPrefix("libpwquality: ") == true)
        }
        #expect(PwqualityError.badWords.weakness == .containsName)
        #expect(PwqualityError.palindrome.weakness == .tooSimple)
        #expect(PwqualityError.memory.weakness == nil)
    }
}
