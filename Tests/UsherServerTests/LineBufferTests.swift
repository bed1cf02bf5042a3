import Testing
import UsherTesting

@testable import UsherServer

struct LineBufferTests {
    private let ends = Client.pair()
    private var served: Int32 { ends.served }

    private func text(_ range: Range<Int>, of buffer: LineBuffer) -> String {
        buffer.withBytes(range) { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
    }

    private func take(_ text: String, into buffer: LineBuffer, most: Int = 1000) {
        ends.client.send(text)
        guard case .bytes = buffer.receive(served, most: most) else {
            Issue.record("nothing received")
            return
        }
    }

    private func word(_ next: LineBuffer.Next, of buffer: LineBuffer) -> String {
        switch next {
        case .line(let range): "line " + text(range, of: buffer)
        case .tooLong: "too long"
        case .incomplete: "incomplete"
        }
    }

    @Test func cutsAtLineFeeds() {
        let buffer = LineBuffer(capacity: 64)
        take("one\n\ntwo\r\nthr", into: buffer)
        #expect(word(buffer.next(limit: 10), of: buffer) == "line one")
        #expect(word(buffer.next(limit: 10), of: buffer) == "line ")
        #expect(word(buffer.next(limit: 10), of: buffer) == "line two\r")
        #expect(word(buffer.next(limit: 10), of: buffer) == "incomplete")
        #expect(buffer.count == 3)
        take("ee\n", into: buffer)
        #expect(word(buffer.next(limit: 10), of: buffer) == "line three")
        #expect(buffer.isEmpty)
        #expect(word(buffer.next(limit: 10), of: buffer) == "incomplete")
    }

    @Test func theLimitIsWhatStandsBeforeTheLF() {
        let buffer = LineBuffer(capacity: 64)
        take("0123456789", into: buffer)
        #expect(word(buffer.next(limit: 10), of: buffer) == "incomplete")
        take("\n0123456789x", into: buffer)
        #expect(word(buffer.next(limit: 10), of: buffer) == "line 0123456789")
        #expect(word(buffer.next(limit: 10), of: buffer) == "too long")
        #expect(buffer.isEmpty)
        take("yz", into: buffer)
        #expect(!buffer.skipLine())
        #expect(buffer.isEmpty)
        take("zz\nnext\n", into: buffer)
        #expect(buffer.skipLine())
        #expect(word(buffer.next(limit: 10), of: buffer) == "line next")
        // With its end there, a long line is a line: its length tells.
        take("0123456789xyz\n", into: buffer)
        #expect(word(buffer.next(limit: 10), of: buffer) == "line 0123456789xyz")
    }

    @Test func theRestIsALineAtTheEnd() {
        let buffer = LineBuffer(capacity: 64)
        take("one\ntw", into: buffer)
        _ = buffer.next(limit: 10)
        _ = buffer.next(limit: 10)
        #expect(text(buffer.rest(), of: buffer) == "tw")
        #expect(buffer.isEmpty)
        #expect(buffer.rest().isEmpty)
    }

    @Test func splittingMovesWhatWaits() {
        let buffer = LineBuffer(capacity: 64)
        take("one\ntwo\nthr", into: buffer)
        _ = buffer.next(limit: 10)
        let other = buffer.split()
        #expect(buffer.isEmpty)
        #expect(word(other.next(limit: 10), of: other) == "line two")
        #expect(word(other.next(limit: 10), of: other) == "incomplete")
        take("ee\n", into: other)
        #expect(word(other.next(limit: 10), of: other) == "line three")
        take("x\n", into: buffer)
        #expect(word(buffer.next(limit: 10), of: buffer) == "line x")
    }

    @Test func whatLeavesIsOverwritten() {
        let buffer = LineBuffer(capacity: 64)
        take("password\nrest", into: buffer)
        _ = buffer.next(limit: 100)
        buffer.cleanseConsumed()
        #expect(text(0..<9, of: buffer) == String(repeating: "\0", count: 9))
        #expect(text(9..<13, of: buffer) == "rest")
        _ = buffer.split()
        #expect(text(0..<13, of: buffer) == String(repeating: "\0", count: 13))
        take("password\n", into: buffer)
        _ = buffer.next(limit: 100)
        buffer.clear()
        #expect(text(0..<9, of: buffer) == String(repeating: "\0", count: 9))
        // Also where it makes room by moving down.
        take("password\nre", into: buffer)
        _ = buffer.next(limit: 100)
        ends.client.send("st")
        _ = buffer.receive(served, most: buffer.capacity - 4)
        #expect(text(0..<4, of: buffer) == "rest")
        #expect(text(4..<11, of: buffer) == String(repeating: "\0", count: 7))
    }

    @Test func endsAndNothingAreTold() {
        let buffer = LineBuffer(capacity: 64)
        if case .nothing = buffer.receive(served, most: 10) {} else { Issue.record("there is nothing yet") }
        ends.client.stopWriting()
        if case .end = buffer.receive(served, most: 10) {} else { Issue.record("this is the end") }
        if case .failed = buffer.receive(-1, most: 10) {} else { Issue.record("this is no descriptor") }
    }

    /// Random lines in random pieces are the same lines; moved to a buffer of their own now and then.
    @Test(arguments: 1...30)
    func randomSplits(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        func number(_ most: Int) -> Int { Int(random.word() % UInt64(most)) }
        let lines = (0..<100).map { _ in
            String(repeating: String(number(10)), count: number(5) == 0 ? number(3000) : number(40))
        }
        var stream = Array(lines.joined(separator: "\n").utf8)[...]
        var buffer = LineBuffer(capacity: 256)
        var found: [String] = []
        while !stream.isEmpty {
            let piece = stream.prefix(1 + number(700))
            ends.client.send(piece)
            stream = stream.dropFirst(piece.count)
            while case .bytes = buffer.receive(served, most: 1 + number(300)) {
                while case .line(let range) = buffer.next(limit: 100_000) {
                    found.append(text(range, of: buffer))
                    if number(3) == 0 { buffer.cleanseConsumed() }
                }
                if number(4) == 0 { buffer = buffer.split() }
            }
        }
        found.append(text(buffer.rest(), of: buffer))
        #expect(found == lines)
    }

    /// However long the stream, no more is kept than what waits and one read.
    @Test func memoryDoesNotGrowWithTheStream() {
        let buffer = LineBuffer(capacity: 256)
        var longest = 0
        for _ in 0..<2000 {
            take("0123456789\n0123456", into: buffer, most: 256)
            while case .line = buffer.next(limit: 100) {}
            longest = max(longest, buffer.capacity)
        }
        #expect(longest <= 1024)
    }
}
