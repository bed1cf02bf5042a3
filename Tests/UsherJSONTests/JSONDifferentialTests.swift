import Foundation
import Testing
import UsherTesting

@testable import UsherJSON

/// Accepted or refused as JSONSerialization does, where both follow the same rules.
@Suite struct JSONDifferentialTests {
    static let seeds = [
        #"{"op":"VERIFY","id":"a1","token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}"#,
        #"{"a":[1,2.5,-3e10,0,true,false,null,"x"],"b":{"c":{"d":[]}}}"#,
        #"{"s":"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00","é€😀":"é€😀"}"#,
        #" { "n" : [ -0 , 0.0 , 1E+2 , 1e-2 , 10 ] , "o" : { } } "#,
        #"{"op":"REGISTER","username":"alice","email":"a@b.c","password":"correct horse","client":{"ip":"::1","user_agent":"x"}}"#,
    ].map { Array($0.utf8) }

    static func mutated(_ random: SeededRandom) -> [UInt8] {
        var text = random.pick(seeds)
        let spice =
            Array("{}[]\":,\\/0123456789-+.eEtfnu truesalk\n\t\u{1}\u{7f}".utf8) + [
                0x80, 0xa0, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0xff,
            ]
        for _ in 0...random.below(4) {
            let place = random.below(text.count)
            switch random.below(6) {
            case 0: text[place] = random.pick(spice)
            case 1: text.insert(random.pick(spice), at: place)
            case 2: text.remove(at: place)
            case 3: text.removeSubrange(place..<min(text.count, place + random.below(8)))
            case 4: text.insert(contentsOf: text[place..<min(text.count, place + random.below(8))], at: random.below(text.count))
            default: text.swapAt(place, random.below(text.count))
            }
            if text.isEmpty { text = [UInt8(ascii: "{")] }
        }
        return text
    }

    static func isComparable(_ text: [UInt8], _ fault: JSONFault?) -> Bool {
        // It guesses at UTF-16 where it sees a NUL.
        if text.contains(0) { return false }
        // It forgives a comma behind the last member or element.
        if let fault, fault.reason == .unexpectedByte, text[fault.offset] == 0x7d || text[fault.offset] == 0x5d,
            text[..<fault.offset].last(where: { $0 > 0x20 }) == UInt8(ascii: ",")
        {
            return false
        }
        // It lets the last of two names win, goes deeper, and is laxer with surrogates.
        return switch fault?.reason {
        case .duplicateName, .tooDeep, .loneSurrogate, .notAnObject: false
        case .unexpectedByte, .endOfText, .invalidUTF8, .controlCharacter, .invalidEscape, .trailingBytes, nil: true
        }
    }

    @Test(arguments: 1...20)
    func `random mutations`(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var taken = 0
        var refused = 0
        for _ in 0..<300 {
            let text = Self.mutated(random)
            let fault = fault(in: text)
            guard Self.isComparable(text, fault) else { continue }
            let theirs = (try? JSONSerialization.jsonObject(with: Data(text))) is [String: Any]
            if (fault == nil) != theirs {
                Issue.record("\(String(decoding: text, as: UTF8.self)) \(text): \(String(describing: fault)), theirs \(theirs)")
            }
            if theirs { taken += 1 } else { refused += 1 }
        }
        // Both kinds are met.
        #expect(taken > 20)
        #expect(refused > 20)
    }

    @Test(arguments: 21...30)
    func `what stands before a fault can always go on`(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let text = Self.mutated(random)
            guard let fault = fault(in: text) else { continue }
            #expect((0...text.count).contains(fault.offset))
            if completion(of: Array(text[..<fault.offset])) == nil {
                Issue.record("\(String(decoding: text, as: UTF8.self)) \(fault)")
            }
            if fault.reason == .endOfText {
                #expect(fault.offset == text.count)
            } else if fault.offset < text.count, fault.reason != .duplicateName, fault.reason != .loneSurrogate {
                #expect(UsherJSONTests.fault(in: Array(text[...fault.offset])) == fault)
            }
        }
    }
}
