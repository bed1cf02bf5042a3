import Foundation
import Testing
import UsherJSON

@Suite struct Base64Tests {
    @Test func itIsWhatOthersWrite() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count) }
            let text = Base64.encode(bytes)
            #expect(String(decoding: text, as: UTF8.self) == Data(bytes).base64EncodedString())
            #expect(Base64.decode(text) == bytes)
        }
    }

    @Test(arguments: [
        "A", "AA", "AAA", "=", "====", "A===", "AAA=AAAA", "AA==AAAA", "AA=A", "AAB=", "AB==", "AA-_", "AA \n", "AAAAA",
    ])
    func whatIsNotWrittenSoIsNotRead(_ text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }
}
