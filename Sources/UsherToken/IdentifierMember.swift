public import UsherJSON
public import UsherModel

extension JSONWriter {
    /// A member whose value is an id: straight into the text, since a pair of tokens with its user has six of them.
    public mutating func member(_ name: StaticString, _ id: UUIDv7) {
        self.name(name)
        id.withText { plain($0) }
    }
}
