import Glibc
import Testing
import UsherModel
import UsherThreads

@testable import UsherSystemd

@Suite(.timeLimit(.minutes(1))) struct LineSinkTests {
    private func pipe() -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [0, 0]
        let result = unsafe Glibc.pipe(&ends)
        precondition(result == 0)
        return (ends[0], ends[1])
    }

    /// Reads to the end.
    private func readAll(_ descriptor: Int32) -> String {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(descriptor, &part, part.count)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += part[..<count]
        }
    }

    @Test func line() {
        let (reader, writer) = pipe()
        #expect(LineSink(descriptor: writer).write(EventTextTests.full))
        #expect(LineSink(descriptor: writer).write(Event(.failure, .error, "one\ntwo")))
        close(writer)
        #expect(
            readAll(reader) == "usherd[\(getpid())] notice: \(EventTextTests.full.text)\nusherd[\(getpid())] err: \"one\\ntwo\"\n"
        )
        close(reader)
    }

    @Test("A full pipe is waited for, and no line is cut", arguments: [true, false]) func stalled(_ isNonBlocking: Bool) {
        let (reader, writer) = pipe()
        _ = fcntl(writer, F_SETFL, O_NONBLOCK)
        let filler = [UInt8](repeating: UInt8(ascii: "."), count: 4_096)
        var filled = 0
        while case let count = unsafe write(writer, filler, filler.count), count > 0 { filled += count }
        #expect(errno == EAGAIN)
        if !isNonBlocking { _ = fcntl(writer, F_SETFL, 0) }

        // Sixty times as long as the pipe is: it fills up again and again, however soon it is read.
        let event = Event(.notice, .info, String(repeating: "x", count: 4_000_000))
        let outcome = Mailbox<Bool?>(nil)
        let thread = Thread(name: "writer") {
            let isWritten = LineSink(descriptor: writer).write(event)
            close(writer)
            outcome.change { $0 = isWritten }
        }
        let read = readAll(reader)
        thread.join()
        #expect(outcome.withLock { $0 } == true)
        let isWhole = read.utf8.dropFirst(filled).elementsEqual("usherd[\(getpid())] info: \(event.message)\n".utf8)
        #expect(isWhole)
        close(reader)
    }

    @Test("A descriptor that cannot be written is a failure, not a crash and not a loop") func broken() {
        #expect(!LineSink(descriptor: -1).write(EventTextTests.full))
        let (reader, writer) = pipe()
        #expect(!LineSink(descriptor: reader).write(EventTextTests.full))
        close(reader)
        close(writer)
    }
}

@Suite struct DestinationTests {
    @Test("Only the very file that JOURNAL_STREAM names is the journal's") func detection() {
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        var status = stat()
        #expect(unsafe fstat(ends[1], &status) == 0)
        let (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
        func isJournal(_ variable: String?) -> Bool { Journal.Destination.isJournalStream(variable, descriptor: ends[1]) }
        #expect(isJournal("\(device):\(inode)"))
        let others = [
            nil, "", ":", "\(device)", "\(device):", ":\(inode)", "\(device):\(inode + 1)", "\(device + 1):\(inode)",
            "\(device):\(inode):", "\(device):\(inode) ", "-1:-1", "99999999999999999999:1", "a:b",
        ]
        for variable in others { #expect(!isJournal(variable), "\(variable ?? "nil")") }
        #expect(!Journal.Destination.isJournalStream("\(device):\(inode)", descriptor: -1))
        for end in ends { close(end) }
    }
}
