import UsherJSON

/// JSON that somebody typed.
enum JSONText {
    /// Whether it is one JSON value, of any type, nested no deeper than a request may have it.
    static func isValue(_ json: [UInt8]) -> Bool {
        let object = Array("{\"v\":".utf8) + json + [UInt8(ascii: "}")]
        var reader = JSONReader(nesting: 30)
        do throws(JSONFault) { try reader.read(object.span) } catch { return false }
        // A comma in it could have begun a second member.
        return reader.members.count == 1
    }
}
