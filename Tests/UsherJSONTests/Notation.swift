import Testing
import UsherJSON
import UsherTesting

/// A text in the notation of these tests: `<FF>` is the byte 0xFF, `‸` marks the byte that a fault is told of.
struct Sample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let mark: Int?

    init(_ notation: String) {
        testDescription = notation
        var bytes: [UInt8] = []
        var mark: Int?
        var rest = Substring(notation)
        while let character = rest.popFirst() {
            if character == "‸" {
                mark = bytes.count
            } else if character == "<", let byte = UInt8(rest.prefix(2), radix: 16), rest.dropFirst(2).first == ">" {
                bytes.append(byte)
                rest = rest.dropFirst(3)
            } else {
                bytes += String(character).utf8
            }
        }
        self.bytes = bytes
        self.mark = mark
    }
}

/// What the reader has against a text; nil if it takes it.
func fault(in text: [UInt8], nesting: Int = 32) -> JSONFault? {
    var reader = JSONReader(nesting: nesting)
    do throws(JSONFault) {
        try reader.read(text.span)
        return nil
    } catch {
        return error
    }
}

/// Objects and arrays in turn, `depth` of them, the outermost one an object.
func nested(_ depth: Int, inside: String = "") -> String {
    var text = inside
    for level in stride(from: depth, through: 1, by: -1) {
        text = level.isMultiple(of: 2) ? "[\(text)]" : level == depth && inside.isEmpty ? "{}" : "{\"n\":\(text)}"
    }
    return text
}

extension SeededRandom {
    func below(_ bound: Int) -> Int { Int(word() % UInt64(bound)) }
    func pick<C: RandomAccessCollection>(_ choices: C) -> C.Element {
        choices[choices.index(choices.startIndex, offsetBy: below(choices.count))]
    }
}

/// What makes a text that was cut short whole, found by asking the reader for ways on; nil if there is none.
func completion(of text: [UInt8], nesting: Int = 32) -> [UInt8]? {
    // In this order each step brings an end nearer: strings end before anything else, containers before values begin.
    let ways: [[UInt8]] =
        ["\"", "}", "]", ":0", "0", "d", "r", "u", "e", "a", "l", "s", "\\", "{"].map { Array($0.utf8) } + [
            [0x80], [0x90], [0xa0],
        ]
    var whole = text
    for _ in 0..<1_000 {
        guard let fault = fault(in: whole, nesting: nesting) else { return Array(whole.dropFirst(text.count)) }
        guard fault.reason == .endOfText, fault.offset == whole.count else { return nil }
        let next = ways.first { way in
            guard let fault = UsherJSONTests.fault(in: whole + way, nesting: nesting) else { return true }
            return fault.reason == .endOfText
        }
        guard let next else { return nil }
        whole += next
    }
    return nil
}

// The macros of Swift Testing take no spans: here, texts are arrays.

extension JSONReader {
    mutating func read(_ text: [UInt8]) throws(JSONFault) { try read(text.span) }
    mutating func read(_ text: [UInt8], in range: Range<Int>) throws(JSONFault) { try read(text.span, in: range) }
    func value(_ name: StaticString, in text: [UInt8]) -> JSONValue? { value(name, in: text.span) }
    func anyValue(_ name: StaticString, in text: [UInt8]) -> JSONValue? { anyValue(name, in: text.span) }
    mutating func elements(of array: JSONValue, in text: [UInt8]) -> [JSONValue] { elements(of: array, in: text.span) }
}

extension JSONValue {
    func string(in text: [UInt8]) -> String? { string(in: text.span) }
    func bytes(in text: [UInt8]) -> [UInt8] { bytes(in: text.span) }
    func equals(_ name: StaticString, in text: [UInt8]) -> Bool { equals(name, in: text.span) }
    func integer(in text: [UInt8]) -> Int64? { integer(in: text.span) }
    func double(in text: [UInt8]) -> Double? { double(in: text.span) }
}
