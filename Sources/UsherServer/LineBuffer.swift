import CEpoll
import Glibc
import UsherModel

/// Bytes that were read and not yet answered, cut into lines. What leaves it is overwritten: lines carry passwords.
@safe final class LineBuffer {
    private var memory: UnsafeMutableRawBufferPointer
    /// The bytes that wait are `head..<tail`; up to `scanned` there is no LF among them.
    private var head = 0
    private var tail = 0
    private var scanned = 0
    /// Up to here, what has left the buffer is overwritten.
    private var cleansed = 0

    init(capacity: Int) { unsafe memory = .allocate(byteCount: capacity, alignment: 16) }

    deinit {
        unsafe cleanse(UnsafeMutableRawBufferPointer(rebasing: memory[..<tail]))
        unsafe memory.deallocate()
    }

    var isEmpty: Bool { head == tail }
    var count: Int { tail - head }
    var capacity: Int { unsafe memory.count }

    /// What one read of a socket came to.
    enum Received {
        /// How many.
        case bytes(Int)
        case nothing
        case end
        case failed
    }

    /// Reads once, at most `most` bytes.
    func receive(_ descriptor: Int32, most: Int) -> Received {
        makeRoom(for: most)
        var count: Int
        repeat { unsafe count = usher_receive(descriptor, memory.baseAddress! + tail, most) } while count == -Int(EINTR)
        if count > 0 {
            tail += count
            return .bytes(count)
        }
        if count == 0 { return .end }
        return count == -Int(EAGAIN) ? .nothing : .failed
    }

    /// What the next bytes are.
    enum Next {
        /// A line, without its LF.
        case line(Range<Int>)
        /// More than the limit without an LF: all of it is gone, and what is left of the line must be skipped.
        case tooLong
        /// No whole line yet.
        case incomplete
    }

    func next(limit: Int) -> Next {
        guard let end = endOfLine() else {
            scanned = tail
            guard count > limit else { return .incomplete }
            clear()
            return .tooLong
        }
        let line = head..<end
        head = end + 1
        scanned = head
        // Its end is here, so nothing is left to skip: the caller tells it from the case above by its length.
        return .line(line)
    }

    /// Drops everything up to the next LF, that included.
    /// - Returns: whether there was one.
    func skipLine() -> Bool {
        guard let end = endOfLine() else {
            clear()
            return false
        }
        head = end + 1
        scanned = head
        return true
    }

    /// What is left at the end of input, as a line.
    func rest() -> Range<Int> {
        let line = head..<tail
        head = tail
        scanned = tail
        return line
    }

    /// Where the line ends, a CR before its LF left out; nil if it is blank.
    static func endOfText(in line: Span<UInt8>) -> Int? {
        var end = line.count
        if end > 0, line[end - 1] == 0x0d { end -= 1 }
        var index = 0
        while index < end, line[index] == 0x20 || line[index] == 0x09 || line[index] == 0x0d { index += 1 }
        return index == end ? nil : end
    }

    func withBytes<R>(_ range: Range<Int>, _ body: (Span<UInt8>) -> R) -> R {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: memory[range]).assumingMemoryBound(to: UInt8.self)
        return body(unsafe bytes.span)
    }

    /// Moves what waits here to a buffer of its own, and leaves this one empty and overwritten.
    func split() -> LineBuffer {
        let other = LineBuffer(capacity: max(count, 256))
        unsafe other.memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
        other.tail = count
        other.scanned = scanned - head
        clear()
        return other
    }

    /// Forgets everything, and overwrites it.
    func clear() {
        unsafe cleanse(UnsafeMutableRawBufferPointer(rebasing: memory[..<tail]))
        (head, tail, scanned, cleansed) = (0, 0, 0, 0)
    }

    /// Overwrites the lines that were taken out, while others wait.
    func cleanseConsumed() {
        unsafe cleanse(UnsafeMutableRawBufferPointer(rebasing: memory[cleansed..<head]))
        cleansed = head
    }

    private func endOfLine() -> Int? {
        guard scanned < tail, let base = unsafe memory.baseAddress,
            let found = unsafe memchr(base + scanned, 0x0a, tail - scanned)
        else { return nil }
        return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    private func makeRoom(for more: Int) {
        if isEmpty { clear() }
        let capacity = unsafe memory.count
        guard capacity - tail < more else { return }
        if capacity - count >= more, head >= count {
            // What waits fits in front of itself.
            unsafe memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
            unsafe cleanse(UnsafeMutableRawBufferPointer(rebasing: memory[count..<tail]))
            (head, tail, scanned, cleansed) = (0, count, scanned - head, 0)
        } else {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count * 2, count + more), alignment: 16)
            unsafe larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
            unsafe cleanse(UnsafeMutableRawBufferPointer(rebasing: memory[..<tail]))
            unsafe memory.deallocate()
            unsafe memory = larger
            (head, tail, scanned, cleansed) = (0, count, scanned - head, 0)
        }
    }
}
