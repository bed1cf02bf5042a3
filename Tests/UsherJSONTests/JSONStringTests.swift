import Testing
import UsherTesting

@testable import UsherJSON

@Suite struct JSONStringTests {
    /// Strings are passed over eight bytes at a time: something special at each place of strings of each length, at each alignment.
    @Test func `nothing special is passed over`() {
        struct Special {
            let bytes: [UInt8]
            /// Where the fault is, from the special byte on; nil if it is none.
            let fault: (JSONFault.Reason, Int)?
        }
        let specials = [
            Special(bytes: [], fault: nil), Special(bytes: Array("\\n".utf8), fault: nil),
            Special(bytes: Array("\\\"".utf8), fault: nil),
            Special(bytes: Array("\\\\".utf8), fault: nil), Special(bytes: Array("é".utf8), fault: nil),
            Special(bytes: Array("😀".utf8), fault: nil),
            Special(bytes: [0x20], fault: nil), Special(bytes: [0x21], fault: nil), Special(bytes: [0x23], fault: nil),
            Special(bytes: [0x5b], fault: nil), Special(bytes: [0x5d], fault: nil), Special(bytes: [0x7e], fault: nil),
            Special(bytes: [0x7f], fault: nil),
            Special(bytes: [0x00], fault: (.controlCharacter, 0)), Special(bytes: [0x01], fault: (.controlCharacter, 0)),
            Special(bytes: [0x1f], fault: (.controlCharacter, 0)), Special(bytes: [0x80], fault: (.invalidUTF8, 0)),
            Special(bytes: [0xa2], fault: (.invalidUTF8, 0)), Special(bytes: [0xdc], fault: (.invalidUTF8, 1)),
            Special(bytes: [0xff], fault: (.invalidUTF8, 0)),
            Special(bytes: Array("\\x".utf8), fault: (.invalidEscape, 1)),
            Special(bytes: Array("\" ".utf8), fault: (.unexpectedByte, 2)),
        ]
        // The plain bytes around it are those on either side of what is special, where a borrow would show.
        for plain in [0x61, 0x21, 0x5d] as [UInt8] {
            for alignment in 0..<8 {
                for length in 0...40 {
                    for place in 0...length {
                        for special in specials {
                            let head = Array(repeating: UInt8(ascii: " "), count: alignment) + Array("{\"n\":\"".utf8)
                            let string =
                                Array(repeating: plain, count: place) + special.bytes
                                + Array(repeating: plain, count: length - place)
                            let text = head + string + Array("\"}".utf8)
                            let expected = special.fault.map { JSONFault($0.0, at: head.count + place + $0.1) }
                            let found = fault(in: text)
                            if found != expected {
                                Issue.record("\(text): \(String(describing: found)), not \(String(describing: expected))")
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func `each pair of neighbours is judged as each of both`() {
        // All pairs of bytes, at two places of a word: a fault of the one is not hidden, nor made, by the other.
        for first in UInt8.min...0x7f {
            for second in UInt8.min...0x7f {
                if first == 0x5c || second == 0x5c || first == 0x22 || second == 0x22 { continue }
                for place in [6, 7] {
                    let head = Array("{\"a\":\"".utf8) + Array(repeating: UInt8(ascii: "x"), count: place)
                    let expected = first < 0x20 ? head.count : second < 0x20 ? head.count + 1 : nil
                    let found = fault(in: head + [first, second] + Array("yyyyyyyyy\"}".utf8))?.offset
                    if found != expected { Issue.record("\(first) \(second) at \(place): \(String(describing: found))") }
                }
            }
        }
    }

    @Test func `every two bytes beyond ASCII are judged as the standard library does`() {
        for first in UInt8(0x80)...0xff {
            for second in UInt8.min...0xff where second != 0x22 && second != 0x5c && second >= 0x20 {
                for third in [0x41, 0x80, 0xbf, 0xc0] as [UInt8] {
                    for fourth in [0x41, 0x80] as [UInt8] {
                        let string = [first, second, third, fourth]
                        let isValid = String(validating: string, as: UTF8.self) != nil
                        if (fault(in: Array("{\"a\":\"".utf8) + string + Array("\"}".utf8)) == nil) != isValid {
                            Issue.record("\(string)")
                        }
                    }
                }
            }
        }
    }

    @Test func `every code unit is taken or lone`() {
        for unit in UInt32.min...0xffff {
            let digits = String(unit, radix: 16)
            let text = Array("{\"a\":\"\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)\"}".utf8)
            let isSurrogate = (0xd800...0xdfff).contains(unit)
            if fault(in: text) != (isSurrogate ? JSONFault(.loneSurrogate, at: 6) : nil) { Issue.record("\(digits)") }
        }
    }
}
