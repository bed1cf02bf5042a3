/// Why a text is not JSON as RFC 8259 has it, or not within the bounds set here.
public struct JSONFault: Error, Equatable, Sendable {
    /// The first byte, from 0, that cannot stand where it stands. Of a duplicate name: its opening quote; of a lone surrogate: its
    /// backslash; of a text cut short: its length.
    public let offset: Int
    public let reason: Reason

    public enum Reason: String, Sendable {
        case notAnObject = "The outermost value must be an object"
        case unexpectedByte = "Unexpected byte"
        case endOfText = "The text ends too early"
        case invalidUTF8 = "Invalid UTF-8"
        case controlCharacter = "A control character must be escaped in a string"
        case invalidEscape = "Invalid escape"
        case loneSurrogate = "A surrogate without its other half"
        case duplicateName = "The same member name twice in one object"
        case tooDeep = "Nested too deeply"
        case trailingBytes = "Bytes after the end of the object"
    }

    init(_ reason: Reason, at offset: Int) {
        self.offset = offset
        self.reason = reason
    }
}
