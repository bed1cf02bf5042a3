import Testing
import UsherModel

struct GroupedNumberTests {
    @Test func commasBetweenThousands() {
        let texts = [
            0: "0", 7: "7", 999: "999", 1_000: "1,000", 18_201: "18,201", 123_456: "123,456", 1_234_567: "1,234,567",
            -1_000: "-1,000",
        ]
        for (number, text) in texts { #expect(number.grouped == text) }
        #expect(Int.min.grouped == "-9,223,372,036,854,775,808")
    }
}
