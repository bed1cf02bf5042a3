import UsherJSON

/// What the reader refuses is refused at a place where it could have gone on until then; what it takes, the writer can write again from
/// its parts, on one line and with the same meaning.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if let fault = fault(in: text) {
        require((0...count).contains(fault.offset), "\(fault) is not in the text")
        require(fault.reason != .endOfText || fault.offset == count, "\(fault) before the end")
        if let earlier = UsherFuzz.fault(in: Array(text[..<fault.offset])) {
            require(
                earlier.reason == .endOfText && earlier.offset == fault.offset, "\(fault), but \(earlier) without what follows")
        }
        return 0
    }
    let rewritten = rewritten(text)
    require(fault(in: rewritten) == nil, "what was written again is refused")
    require(meaning(of: rewritten) == meaning(of: text), "what was written again means something else")
    require(rewritten.allSatisfy { $0 >= 0x20 }, "a control character in what was written")

    var line = JSONWriter()
    line.rawOnOneLine(text.span)
    require(line.bytes.allSatisfy { $0 >= 0x20 }, "a control character on the line")
    require(meaning(of: line.bytes) == meaning(of: text), "another meaning on one line")
    return 0
}

private func fault(in text: [UInt8]) -> JSONFault? {
    var reader = JSONReader(nesting: 32)
    do throws(JSONFault) {
        try reader.read(text.span)
        return nil
    } catch {
        return error
    }
}

/// The members of an object that the reader takes.
private func members(of text: [UInt8], in range: Range<Int>) -> [JSONMember] {
    var reader = JSONReader(nesting: 32)
    do throws(JSONFault) {
        try reader.read(text.span, in: range)
        return reader.members
    } catch {
        fatalError("a part of what was taken is refused: \(error)")
    }
}

private func elements(of array: JSONValue, in text: [UInt8]) -> [JSONValue] {
    var reader = JSONReader(nesting: 32)
    return reader.elements(of: array, in: text.span)
}

/// A string's meaning, which is UTF-8, and whose bytes are no control characters.
private func string(_ value: JSONValue, in text: [UInt8]) -> String {
    require(text[value.content].allSatisfy { $0 >= 0x20 }, "a control character in a string")
    guard let string = value.string(in: text.span) else { fatalError("a string without a meaning") }
    require(Array(string.utf8) == value.bytes(in: text.span), "a string that means no UTF-8")
    require(value.isEscaped == text[value.content].contains(UInt8(ascii: "\\")), "escapes untold")
    return string
}

// MARK: Written again

private func rewritten(_ text: [UInt8]) -> [UInt8] {
    var writer = JSONWriter()
    rewrite(members(of: text, in: text.indices), in: text, to: &writer)
    return writer.bytes
}

private func rewrite(_ members: [JSONMember], in text: [UInt8], to writer: inout JSONWriter) {
    writer.openObject()
    for member in members {
        var value = JSONWriter()
        rewrite(member.value, in: text, to: &value)
        writer.member(string(member.name, in: text), raw: value.bytes.span)
    }
    writer.closeObject()
}

private func rewrite(_ value: JSONValue, in text: [UInt8], to writer: inout JSONWriter) {
    switch value.kind {
    case .null: writer.null()
    case .true: writer.value(true)
    case .false: writer.value(false)
    case .number:
        if let integer = value.integer(in: text.span) {
            writer.value(integer)
        } else {
            writer.raw(text.span.extracting(value.range))
        }
    case .string: writer.value(string(value, in: text))
    case .array:
        writer.openArray()
        for element in elements(of: value, in: text) { rewrite(element, in: text, to: &writer) }
        writer.closeArray()
    case .object: rewrite(members(of: text, in: value.range), in: text, to: &writer)
    }
}

// MARK: Meaning

private indirect enum Meaning: Equatable {
    case word(JSONValue.Kind)
    case integer(Int64)
    case number([UInt8])
    case string([UInt8])
    case array([Meaning])
    case object([Member])

    struct Member: Equatable {
        let name: [UInt8]
        let value: Meaning
    }
}

private func meaning(of text: [UInt8]) -> Meaning { .object(meanings(of: members(of: text, in: text.indices), in: text)) }

private func meanings(of members: [JSONMember], in text: [UInt8]) -> [Meaning.Member] {
    members.map { Meaning.Member(name: $0.name.bytes(in: text.span), value: meaning(of: $0.value, in: text)) }
}

private func meaning(of value: JSONValue, in text: [UInt8]) -> Meaning {
    switch value.kind {
    case .null, .true, .false: return .word(value.kind)
    case .number:
        guard value.double(in: text.span) != nil else { fatalError("a number that is none") }
        if let integer = value.integer(in: text.span) { return .integer(integer) }
        return .number(Array(text[value.range]))
    case .string: return .string(value.bytes(in: text.span))
    case .array: return .array(elements(of: value, in: text).map { meaning(of: $0, in: text) })
    case .object: return .object(meanings(of: members(of: text, in: value.range), in: text))
    }
}

/// A precondition that says, in an optimised build too, what was wrong.
private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
