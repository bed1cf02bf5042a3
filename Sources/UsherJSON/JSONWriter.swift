/// The one writer of JSON, straight into the bytes that are sent. It puts the commas; that names and values alternate and that what is
/// opened is closed is the caller's part.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// - Parameter capacity: how many bytes are expected: as long as there are no more, none is copied to make room.
    public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    public var count: Int { bytes.count }

    // MARK: Structure

    public mutating func openObject() {
        comma()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
    }

    public mutating func closeObject() {
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    public mutating func openArray() {
        comma()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
    }

    public mutating func closeArray() {
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// - Parameter name: plain ASCII without quote or backslash.
    public mutating func name(_ name: StaticString) {
        let text = unsafe UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        // At once: a reply has some twenty names.
        bytes.append(addingCapacity: text.count + 4) { output in
            if needsComma { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: "\""))
            for index in text.indices { output.append(unsafe text[index]) }
            output.append(UInt8(ascii: "\""))
            output.append(UInt8(ascii: ":"))
        }
        needsComma = false
    }

    // MARK: Values

    public mutating func value(_ string: String) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        let text = string.utf8.span
        var (plain, index) = (0, 0)
        while index < text.count {
            // Most texts are plain: they are passed over a word at a time.
            if let word = text.word(at: index), !mayHaveEscaped(word) {
                index += 8
                continue
            }
            if Self.isEscaped(text[index]) {
                append(text.extracting(plain..<index))
                appendEscaped(text[index])
                plain = index + 1
            }
            index += 1
        }
        append(text.extracting(plain...))
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    public mutating func value(_ number: Int64) {
        comma()
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &digits) { buffer in
            var magnitude = number.magnitude
            var first = buffer.count
            repeat {
                first -= 1
                unsafe buffer[first] = UInt8(ascii: "0") + UInt8(magnitude % 10)
                magnitude /= 10
            } while magnitude > 0
            if number < 0 {
                first -= 1
                unsafe buffer[first] = UInt8(ascii: "-")
            }
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[first...]))
        }
        needsComma = true
    }

    public mutating func value(_ bool: Bool) {
        comma()
        append(bool ? "true" : "false")
        needsComma = true
    }

    public mutating func null() {
        comma()
        append("null")
        needsComma = true
    }

    public mutating func value(_ strings: [String]) {
        openArray()
        for string in strings { value(string) }
        closeArray()
    }

    /// A string of which no byte needs an escape.
    public mutating func plain(_ text: Span<UInt8>) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        append(text)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    /// A value that is JSON already.
    public mutating func raw(_ json: Span<UInt8>) {
        comma()
        append(json)
        needsComma = true
    }

    /// A value, or a member's name and value, that is JSON already.
    public mutating func raw(_ json: StaticString) {
        comma()
        append(json)
        needsComma = true
    }

    /// A value that is valid JSON but may be spread over lines: written without the control bytes, which can only stand between its tokens.
    public mutating func rawOnOneLine(_ json: Span<UInt8>) {
        comma()
        for index in json.indices where json[index] >= 0x20 { bytes.append(json[index]) }
        needsComma = true
    }

    public mutating func member(_ name: StaticString, _ string: String) {
        self.name(name)
        value(string)
    }

    public mutating func member(_ name: StaticString, _ number: Int64) {
        self.name(name)
        value(number)
    }

    public mutating func member(_ name: StaticString, _ bool: Bool) {
        self.name(name)
        value(bool)
    }

    public mutating func member(_ name: StaticString, _ strings: [String]) {
        self.name(name)
        value(strings)
    }

    /// A member of any name, whose value is JSON already.
    public mutating func member(_ name: String, raw json: Span<UInt8>) {
        self.name(any: name)
        rawOnOneLine(json)
    }

    public mutating func member(any name: String, _ string: String) {
        self.name(any: name)
        value(string)
    }

    public mutating func member(any name: String, _ number: Int64) {
        self.name(any: name)
        value(number)
    }

    private mutating func name(any name: String) {
        value(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: Lines

    /// Ends a line; what follows begins a new text.
    public mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Takes back all that was written past `count`, which was the writer's `count` at the beginning of a line.
    public mutating func takeBack(to count: Int) {
        bytes.removeSubrange(count...)
        needsComma = false
    }

    public mutating func removeAll(keepingCapacity: Bool) {
        bytes.removeAll(keepingCapacity: keepingCapacity)
        needsComma = false
    }

    // MARK: Bytes

    private mutating func comma() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func append(_ text: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func append(_ text: Span<UInt8>) {
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7f
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x0a: append("\\n")
        case 0x0d: append("\\r")
        case 0x09: append("\\t")
        default:
            append("\\u00")
            for digit in [byte >> 4, byte & 0xf] {
                bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }
}
