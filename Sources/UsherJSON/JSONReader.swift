/// The one strict reader of JSON (RFC 8259), for the wire and for tokens alike: validates a whole text and tells where the members of its
/// outermost object stand. Nothing is copied or decoded until it is asked for. Beyond the RFC's grammar it refuses invalid UTF-8, lone
/// surrogates, duplicate names (RFC 8725 §2.4 has why), nesting past a bound, and an outermost value that is no object.
///
/// A reader is kept and used again, and not copied: reading allocates nothing once its lists have grown.
public struct JSONReader: ~Copyable, Sendable {
    /// The members of the outermost object, in order.
    public private(set) var members: [JSONMember] = []

    /// Whether the text, as far as it is blank between its tokens, has no control bytes: it stands on one line.
    public private(set) var isOnOneLine = true

    /// A bit for each member's key: where a name's is not set, none of them has it.
    private var marks: UInt64 = 0

    private let nesting: Int
    /// The names so far of the objects that are open within the outermost one, innermost last.
    private var names: [Name] = []
    /// Of open objects that have more than a few names: the hashes of the names so far, by level.
    private var manyNames: [Int: Set<Int>] = [:]

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
        marks = 0
        if !names.isEmpty { names.removeAll(keepingCapacity: true) }
        if !manyNames.isEmpty { manyNames = [:] }
        isOnOneLine = true
        let text = text.extracting(0..<range.upperBound)
        var index = skipBlanks(text, from: range.lowerBound)
        guard try next(text, index) == UInt8(ascii: "{") else { throw JSONFault(.notAnObject, at: index) }
        index = skipBlanks(text, from: try object(text, at: index, level: 1))
        guard index == text.count else { throw JSONFault(.trailingBytes, at: index) }
    }

    // Where the name is a literal its key is made when the program is compiled.

    /// The value of a member; nil if it is absent or null.
    @inlinable @inline(__always)
    public func value(_ name: StaticString, in text: Span<UInt8>) -> JSONValue? {
        guard let value = value(name, JSONKey(name), in: text), value.kind != .null else { return nil }
        return value
    }

    /// The value of a member, null included; nil if it is absent.
    @inlinable @inline(__always)
    public func anyValue(_ name: StaticString, in text: Span<UInt8>) -> JSONValue? { value(name, JSONKey(name), in: text) }

    @usableFromInline
    func value(_ name: StaticString, _ key: JSONKey, in text: Span<UInt8>) -> JSONValue? {
        guard marks & key.mark != 0 else { return nil }
        for member in members where member.isNamed(name, key, in: text) { return member.value }
        return nil
    }

    /// The elements of an array in a text that has been validated.
    public mutating func elements(of array: JSONValue, in text: Span<UInt8>) -> [JSONValue] {
        var elements: [JSONValue] = []
        do throws(JSONFault) {
            var index = skipBlanks(text, from: array.range.lowerBound + 1)
            while text[index] != UInt8(ascii: "]") {
                let element = try value(text, at: index, level: 1)
                elements.append(element)
                index = skipBlanks(text, from: element.range.upperBound)
                if text[index] == UInt8(ascii: ",") { index = skipBlanks(text, from: index + 1) }
            }
        } catch {
            preconditionFailure("an array was validated, and is not valid")
        }
        return elements
    }

    // MARK: Grammar
    // Each function begins at the first byte of what it reads; what it returns tells where that ends.

    private mutating func value(_ text: Span<UInt8>, at start: Int, level: Int) throws(JSONFault) -> JSONValue {
        switch try next(text, start) {
        case UInt8(ascii: "\""): return try string(text, at: start)
        case UInt8(ascii: "{"): return JSONValue(.object, from: start, to: try object(text, at: start, level: level + 1))
        case UInt8(ascii: "["): return JSONValue(.array, from: start, to: try array(text, at: start, level: level + 1))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return JSONValue(.number, from: start, to: try number(text, at: start))
        case UInt8(ascii: "t"): return JSONValue(.true, from: start, to: try word("true", text, at: start))
        case UInt8(ascii: "f"): return JSONValue(.false, from: start, to: try word("false", text, at: start))
        case UInt8(ascii: "n"): return JSONValue(.null, from: start, to: try word("null", text, at: start))
        default: throw JSONFault(.unexpectedByte, at: start)
        }
    }

    private mutating func object(_ text: Span<UInt8>, at start: Int, level: Int) throws(JSONFault) -> Int {
        guard level <= nesting else { throw JSONFault(.tooDeep, at: start) }
        let firstName = names.count
        var count = 0
        // A bit for each name's key: where a new name's is not set, none before it is the same.
        var marks: UInt64 = 0
        var index = skipBlanks(text, from: start + 1)
        if try next(text, index) == UInt8(ascii: "}") { return index + 1 }
        while true {
            guard try next(text, index) == UInt8(ascii: "\"") else { throw JSONFault(.unexpectedByte, at: index) }
            let (name, key) = try name(text, at: index)
            if count >= Self.fewNames {
                guard isNewAmongMany(name, key, since: firstName, level, in: text) else {
                    throw JSONFault(.duplicateName, at: index)
                }
            } else if marks & key.mark != 0 {
                guard isNew(name, key, since: firstName, level, in: text) else {
                    throw JSONFault(.duplicateName, at: index)
                }
            }
            marks |= key.mark
            count += 1
            index = skipBlanks(text, from: name.endOffset)
            guard try next(text, index) == UInt8(ascii: ":") else { throw JSONFault(.unexpectedByte, at: index) }
            index = skipBlanks(text, from: index + 1)
            let value = try value(text, at: index, level: level)
            // The outermost object's names are its members'.
            if level == 1 {
                members.append(JSONMember(name: name, value: value, key: key))
            } else {
                names.append(Name(key: key, value: name))
            }
            index = skipBlanks(text, from: value.endOffset)
            let separator = try next(text, index)
            if separator == UInt8(ascii: "}") { break }
            guard separator == UInt8(ascii: ",") else { throw JSONFault(.unexpectedByte, at: index) }
            index = skipBlanks(text, from: index + 1)
        }
        if level == 1 { self.marks = marks } else { names.removeLast(names.count - firstName) }
        if count > Self.fewNames { manyNames[level] = nil }
        return index + 1
    }

    private mutating func array(_ text: Span<UInt8>, at start: Int, level: Int) throws(JSONFault) -> Int {
        guard level <= nesting else { throw JSONFault(.tooDeep, at: start) }
        var index = skipBlanks(text, from: start + 1)
        if try next(text, index) == UInt8(ascii: "]") { return index + 1 }
        while true {
            index = skipBlanks(text, from: try value(text, at: index, level: level).endOffset)
            let separator = try next(text, index)
            if separator == UInt8(ascii: "]") { return index + 1 }
            guard separator == UInt8(ascii: ",") else { throw JSONFault(.unexpectedByte, at: index) }
            index = skipBlanks(text, from: index + 1)
        }
    }

    /// How many names of an object are compared one with another.
    private static let fewNames = 64

    /// Whether the innermost open object has no such name yet.
    private func isNew(_ name: JSONValue, _ key: JSONKey, since first: Int, _ level: Int, in text: Span<UInt8>) -> Bool {
        if level == 1 {
            for member in members where isSame(name, key, member.name, member.key, in: text) { return false }
        } else {
            for other in names[first...] where isSame(name, key, other.value, other.key, in: text) { return false }
        }
        return true
    }

    /// The same where there are many: comparing each with all before it would be quadratic, so that is left to those of the same hash.
    private mutating func isNewAmongMany(
        _ name: JSONValue, _ key: JSONKey, since first: Int, _ level: Int, in text: Span<UInt8>
    ) -> Bool {
        if manyNames[level] == nil {
            let others = level == 1 ? members.map(\.name) : names[first...].map(\.value)
            manyNames[level] = Set(others.map { hash(of: $0, in: text) })
        }
        if manyNames[level, default: []].insert(hash(of: name, in: text)).inserted { return true }
        return isNew(name, key, since: first, level, in: text)
    }

    /// A hash that nobody outside the process can foresee.
    private func hash(of name: JSONValue, in text: Span<UInt8>) -> Int {
        var hasher = Hasher()
        if name.isEscaped {
            unsafe name.bytes(in: text).withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        } else {
            unsafe text.extracting(name.content).withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        }
        return hasher.finalize()
    }

    private func isSame(
        _ one: JSONValue, _ oneKey: JSONKey, _ other: JSONValue, _ otherKey: JSONKey, in text: Span<UInt8>
    ) -> Bool {
        guard oneKey == otherKey else { return false }
        if oneKey.isWholeName { return true }
        if one.isEscaped || other.isEscaped { return one.bytes(in: text) == other.bytes(in: text) }
        return text.extracting(one.content).isSame(as: text.extracting(other.content))
    }

    @inline(__always)
    private mutating func skipBlanks(_ text: Span<UInt8>, from index: Int) -> Int {
        if index < text.count, text[index] > 0x20 { return index }
        return skipSomeBlanks(text, from: index)
    }

    private mutating func skipSomeBlanks(_ text: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < text.count {
            switch text[index] {
            case 0x20: break
            case 0x09, 0x0a, 0x0d: isOnOneLine = false
            default: return index
            }
            index += 1
        }
        return index
    }
}

/// The byte at `index`, which must be there.
@inline(__always)
func next(_ text: Span<UInt8>, _ index: Int) throws(JSONFault) -> UInt8 {
    guard index < text.count else { throw JSONFault(.endOfText, at: text.count) }
    return text[index]
}

/// - Returns: where the word ends.
private func word(_ word: StaticString, _ text: Span<UInt8>, at start: Int) throws(JSONFault) -> Int {
    for position in 0..<word.utf8CodeUnitCount {
        guard unsafe try next(text, start + position) == word.utf8Start[position] else {
            throw JSONFault(.unexpectedByte, at: start + position)
        }
    }
    return start + word.utf8CodeUnitCount
}
