// Bytes, eight at a time.
extension Span<UInt8> {
    /// The eight bytes from `index` on, the first one lowest; nil where there are not as many.
    @inlinable @inline(__always)
    public func word(at index: Int) -> UInt64? {
        guard index >= 0, index <= count - 8 else { return nil }
        // In bounds, by the line above.
        return unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
    }

    /// Whether both hold the same bytes. Takes time that depends on where they differ: not for comparing secrets.
    public func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var index = 0
        while let one = word(at: index), let other = other.word(at: index) {
            guard one == other else { return false }
            index += 8
        }
        while index < count {
            guard self[index] == other[index] else { return false }
            index += 1
        }
        return true
    }
}
