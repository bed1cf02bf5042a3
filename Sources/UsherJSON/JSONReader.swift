/// The one strict reader of JSON (RFC 8259), for the wire and for tokens alike: validates a whole text and tells where the members of its
/// outermost object stand. Nothing is copied or decoded until it is asked for. Beyond the RFC's grammar it refuses invalid UTF-8, lone
/// surrogates, duplicate names (RFC 8725 §2.4 has why), nesting past a bound, and an outermost value that is no object.
///
/// A reader is kept and used again: reading allocates nothing once its lists have grown.
public struct JSONReader: Sendable {
    /// The members of the outermost object, in order.
    public private(set) var members: [JSONMember] = []

    /// Whether the text, as far as it is blank between its tokens, has no control bytes: it stands on one line.
    public private(set) var isOnOneLine = true

    private let nesting: Int
    /// The names so far of the objects that are open within the outermost one, innermost last.
    private var names: [Name] = []
    /// The names so far of open objects that have more than a few, by level.
    private var manyNames: [Int: Set<[UInt8]>] = [:]

    private struct Name: Sendable {
        let key: JSONKey
        let value: JSONValue
    }

    /// - Parameter nesting: the deepest level allowed; the outermost object is the first.
    public init(nesting: Int) { self.nesting = nesting }

    /// Reads all of `text`.
    public mutating func read(_ text: Span<UInt8>) throws(JSONFault) { try read(text, in: 0..<text.count) }

    /// Reads a part of `text` as an object; all places are told as of the whole.
    public mutating func read(_ text: Span<UInt8>, in range: Range<Int>) throws(JSONFault) {
        members.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        if !manyNames.isEmpty { manyNames = [:] }
        isOnOneLine = true
        let text = text.extracting(0..<range.upperBound)
        var index = range.lowerBound
        skipBlanks(text, &index)
        guard index < text.count else { throw JSONFault(.endOfText, at: text.count) }
        guard text[index] == UInt8(ascii: "{") else { throw JSONFault(.notAnObject, at: index) }
        try object(text, &index, level: 1)
        skipBlanks(text, &index)
        guard index == text.count else { throw JSONFault(.trailingBytes, at: index) }
    }

    /// The value of a member; nil if it is absent or null.
    public func value(_ name: StaticString, in text: Span<UInt8>) -> JSONValue? {
        guard let value = anyValue(name, in: text), value.kind != .null else { return nil }
        return value
    }

    /// The value of a member, null included; nil if it is absent.
    public func anyValue(_ name: StaticString, in text: Span<UInt8>) -> JSONValue? {
        let key = JSONKey(name)
        for member in members where member.isNamed(name, key, in: text) { return member.value }
        return nil
    }

    /// The elements of an array in a text that has been validated.
    public mutating func elements(of array: JSONValue, in text: Span<UInt8>) -> [JSONValue] {
        var elements: [JSONValue] = []
        var index = array.range.lowerBound + 1
        do throws(JSONFault) {
            skipBlanks(text, &index)
            while text[index] != UInt8(ascii: "]") {
                elements.append(try value(text, &index, level: 1))
                skipBlanks(text, &index)
                if text[index] == UInt8(ascii: ",") { index += 1 }
                skipBlanks(text, &index)
            }
        } catch {
            preconditionFailure("an array was validated, and is not valid")
        }
        return elements
    }

    // MARK: Grammar
    // Each function begins at the first byte of what it reads and leaves `index` behind the last.

    private mutating func value(_ text: Span<UInt8>, _ index: inout Int, level: Int) throws(JSONFault) -> JSONValue {
        guard index < text.count else { throw JSONFault(.endOfText, at: text.count) }
        let start = index
        switch text[index] {
        case UInt8(ascii: "\""): return try string(text, &index)
        case UInt8(ascii: "{"):
            try object(text, &index, level: level + 1)
            return JSONValue(.object, start..<index)
        case UInt8(ascii: "["):
            try array(text, &index, level: level + 1)
            return JSONValue(.array, start..<index)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try number(text, &index)
            return JSONValue(.number, start..<index)
        case UInt8(ascii: "t"):
            try word("true", text, &index)
            return JSONValue(.true, start..<index)
        case UInt8(ascii: "f"):
            try word("false", text, &index)
            return JSONValue(.false, start..<index)
        case UInt8(ascii: "n"):
            try word("null", text, &index)
            return JSONValue(.null, start..<index)
        default: throw JSONFault(.unexpectedByte, at: index)
        }
    }

    private mutating func object(_ text: Span<UInt8>, _ index: inout Int, level: Int) throws(JSONFault) {
        guard level <= nesting else { throw JSONFault(.tooDeep, at: index) }
        let firstName = names.count
        var count = 0
        // A bit for each name's key: where a new name's is not set, none before it is the same.
        var marks: UInt64 = 0
        index += 1
        skipBlanks(text, &index)
        if try next(text, &index) == UInt8(ascii: "}") {
            index += 1
            return
        }
        while true {
            guard try next(text, &index) == UInt8(ascii: "\"") else { throw JSONFault(.unexpectedByte, at: index) }
            let name = try string(text, &index)
            let key = name.isEscaped ? JSONKey.escaped : JSONKey(text, name.content)
            if count >= Self.fewNames {
                guard isNewAmongMany(name, since: firstName, level, in: text) else {
                    throw JSONFault(.duplicateName, at: name.range.lowerBound)
                }
            } else if name.isEscaped || marks & (key.mark | JSONKey.escaped.mark) != 0 {
                guard isNew(name, key, since: firstName, level, in: text) else {
                    throw JSONFault(.duplicateName, at: name.range.lowerBound)
                }
            }
            marks |= key.mark
            count += 1
            skipBlanks(text, &index)
            guard try next(text, &index) == UInt8(ascii: ":") else { throw JSONFault(.unexpectedByte, at: index) }
            index += 1
            skipBlanks(text, &index)
            let value = try value(text, &index, level: level)
            // The outermost object's names are its members'.
            if level == 1 {
                members.append(JSONMember(name: name, value: value, key: key))
            } else if count <= Self.fewNames {
                names.append(Name(key: key, value: name))
            }
            skipBlanks(text, &index)
            let separator = try next(text, &index)
            guard separator == UInt8(ascii: ",") || separator == UInt8(ascii: "}") else {
                throw JSONFault(.unexpectedByte, at: index)
            }
            index += 1
            if separator == UInt8(ascii: "}") { break }
            skipBlanks(text, &index)
        }
        if level > 1 { names.removeLast(names.count - firstName) }
        if count > Self.fewNames { manyNames[level] = nil }
    }

    private mutating func array(_ text: Span<UInt8>, _ index: inout Int, level: Int) throws(JSONFault) {
        guard level <= nesting else { throw JSONFault(.tooDeep, at: index) }
        index += 1
        skipBlanks(text, &index)
        if try next(text, &index) == UInt8(ascii: "]") {
            index += 1
            return
        }
        while true {
            _ = try value(text, &index, level: level)
            skipBlanks(text, &index)
            let separator = try next(text, &index)
            guard separator == UInt8(ascii: ",") || separator == UInt8(ascii: "]") else {
                throw JSONFault(.unexpectedByte, at: index)
            }
            index += 1
            if separator == UInt8(ascii: "]") { return }
            skipBlanks(text, &index)
        }
    }

    /// How many names of an object are compared one with another.
    private static let fewNames = 16

    /// Whether the innermost open object has no such name yet.
    private func isNew(_ name: JSONValue, _ key: JSONKey, since first: Int, _ level: Int, in text: Span<UInt8>) -> Bool {
        if level == 1 {
            for member in members where isSame(name, key, member.name, member.key, in: text) { return false }
        } else {
            for other in names[first...] where isSame(name, key, other.value, other.key, in: text) { return false }
        }
        return true
    }

    /// The same where there are many: comparing each with all before it would be quadratic.
    private mutating func isNewAmongMany(_ name: JSONValue, since first: Int, _ level: Int, in text: Span<UInt8>) -> Bool {
        if manyNames[level] == nil {
            let others = level == 1 ? members.map(\.name) : names[first...].map(\.value)
            manyNames[level] = Set(others.map { $0.bytes(in: text) })
        }
        return manyNames[level, default: []].insert(name.bytes(in: text)).inserted
    }

    private func isSame(
        _ one: JSONValue, _ oneKey: JSONKey, _ other: JSONValue, _ otherKey: JSONKey, in text: Span<UInt8>
    ) -> Bool {
        if one.isEscaped || other.isEscaped { return one.bytes(in: text) == other.bytes(in: text) }
        guard oneKey == otherKey else { return false }
        if oneKey.isWholeName { return true }
        let shift = other.content.lowerBound - one.content.lowerBound
        guard one.content.count == other.content.count else { return false }
        for index in one.content where text[index] != text[index + shift] { return false }
        return true
    }

    @inline(__always)
    private mutating func skipBlanks(_ text: Span<UInt8>, _ index: inout Int) {
        if index < text.count, text[index] > 0x20 { return }
        skipSomeBlanks(text, &index)
    }

    private mutating func skipSomeBlanks(_ text: Span<UInt8>, _ index: inout Int) {
        while index < text.count {
            switch text[index] {
            case 0x20: index += 1
            case 0x09, 0x0a, 0x0d:
                isOnOneLine = false
                index += 1
            default: return
            }
        }
    }
}

/// The byte at `index`, which must be there.
@inline(__always)
func next(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) -> UInt8 {
    guard index < text.count else { throw JSONFault(.endOfText, at: text.count) }
    return text[index]
}

func word(_ word: StaticString, _ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) {
    for position in 0..<word.utf8CodeUnitCount {
        guard unsafe try next(text, &index) == word.utf8Start[position] else { throw JSONFault(.unexpectedByte, at: index) }
        index += 1
    }
}

/// RFC 8259 §6.
func number(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) {
    if text[index] == UInt8(ascii: "-") { index += 1 }
    if try next(text, &index) == UInt8(ascii: "0") { index += 1 } else { try digits(text, &index) }
    if index < text.count, text[index] == UInt8(ascii: ".") {
        index += 1
        try digits(text, &index)
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
        index += 1
        let sign = try next(text, &index)
        if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
        try digits(text, &index)
    }
}

/// One digit or more.
private func digits(_ text: Span<UInt8>, _ index: inout Int) throws(JSONFault) {
    guard try next(text, &index) &- UInt8(ascii: "0") <= 9 else { throw JSONFault(.unexpectedByte, at: index) }
    while index < text.count, text[index] &- UInt8(ascii: "0") <= 9 { index += 1 }
}
