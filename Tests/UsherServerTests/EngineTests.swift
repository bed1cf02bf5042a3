import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherServer

struct EngineTests {
    // MARK: Lines

    @Test func linesAreAnswered() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send("PING\n{\"op\":\"PING\",\"id\":1}\r\n\n  \t\r\n \nnonsense\n")
        rig.run()
        #expect(client.lines().map(\.result) == ["ok", "ok", "bad_request"])
        #expect(rig.engine.connectionCount == 1)
    }

    @Test(arguments: 1...20)
    func howBytesArriveMakesNoDifference(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        func number(_ most: Int) -> Int { Int(random.word() % UInt64(most)) }
        var limits = Limits()
        limits.line = 1024
        let stream = (0..<200).flatMap { index -> [UInt8] in
            switch number(6) {
            case 0: Array("\n".utf8)
            case 1: Array("PING\r\n".utf8)
            case 2: Array((String(repeating: "x", count: 1024 + number(3)) + "\n").utf8)
            case 3: Array((String(repeating: "y", count: number(5000)) + "\n").utf8)
            default: Array(ping(index).utf8)
            }
        }
        let whole = EngineRig(limits)
        let one = whole.connect()
        var expected: [String] = []
        for start in stride(from: 0, to: stream.count, by: 100_000) {
            one.send(stream[start..<min(start + 100_000, stream.count)])
            whole.run()
            expected += one.lines()
        }

        let rig = EngineRig(limits)
        let client = rig.connect()
        var rest = stream[...]
        var lines: [String] = []
        while !rest.isEmpty {
            let piece = rest.prefix(1 + (number(4) == 0 ? number(4000) : number(60)))
            client.send(piece)
            rest = rest.dropFirst(piece.count)
            rig.run()
            lines += client.lines()
        }
        #expect(lines == expected)
        #expect(lines.count > 50)
    }

    @Test func aLineThatIsTooLongIsAnsweredOnceAndSkipped() {
        var limits = Limits()
        limits.line = 1024
        let rig = EngineRig(limits)
        let client = rig.connect()
        client.send(String(repeating: "x", count: 1024) + "\n" + String(repeating: "x", count: 1025) + "\n" + ping(1))
        rig.run()
        #expect(client.lines().map(\.result) == ["bad_request", "line_too_long", "ok"])
        // The reply comes before the line has ended, and once.
        client.send(String(repeating: "x", count: 1025))
        rig.run()
        let reply = client.lines()
        #expect(reply.map(\.result) == ["line_too_long"])
        #expect(reply.first?.hasPrefix("{\"ok\":false") == true)
        for _ in 0..<100 {
            client.send(String(repeating: "x", count: 10_000))
            rig.run()
        }
        #expect(client.lines().isEmpty)
        client.send("\n" + ping(2))
        rig.run()
        #expect(client.lines().map(\.id) == [2])
    }

    @Test func theLastLineNeedsNoEnd() {
        for (text, results) in [
            (ping(1) + "PING", ["ok", "ok"]), ("PING\r", ["ok"]), ("  ", []), ("", []), ("{\"op\":", ["bad_request"]),
            (String(repeating: "x", count: 70_000), ["line_too_long"]),
        ] {
            let rig = EngineRig()
            let client = rig.connect()
            client.send(text)
            client.stopWriting()
            rig.run()
            #expect(client.lines().map(\.result) == results)
            client.receive()
            #expect(client.isAtEnd)
            #expect(rig.engine.connectionCount == 0)
        }
    }

    // MARK: Order

    @Test func repliesWithoutIDsAreInOrder() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(
            slow() + ping() + "nonsense\n" + slow() + "HELP\n" + ping(7) + slow(8) + String(repeating: "x", count: 70_000) + "\n")
        client.send("PING\n")
        rig.run()
        // Those with an id did not wait.
        #expect(client.lines().map(\.id) == [7])
        #expect(rig.pendingCount == 2)
        await rig.finish()
        let first = client.lines()
        #expect(first.map(\.result) == ["invalid_credentials", "ok", "bad_request"])
        await rig.finish()
        #expect(client.lines().map(\.id) == [8])
        await rig.finish()
        let rest = client.lines()
        #expect(rest.map(\.result) == ["invalid_credentials", "ok", "line_too_long", "ok"])
        #expect(rest[1].contains("\"ops\""))
    }

    /// The order of lines, whatever must wait: with and without ids, in pieces.
    @Test(arguments: 1...10)
    func randomPipelinesKeepTheirOrder(_ seed: UInt64) async {
        let random = SeededRandom(seed: seed)
        var limits = Limits()
        limits.throttle.accountFailures = 1_000
        let rig = EngineRig(limits)
        let client = rig.connect()
        var expected: [String] = []
        var ids: Set<Int64> = []
        for index in 0..<300 {
            switch random.word() % 5 {
            case 0:
                client.send(slow())
                expected.append("invalid_credentials")
            case 1:
                client.send(slow(index))
                ids.insert(Int64(index))
            case 2:
                client.send(ping(index))
                ids.insert(Int64(index))
            case 3:
                client.send("{}\n")
                expected.append("missing_field")
            default:
                client.send("PING\n")
                expected.append("ok")
            }
            if random.word() % 3 == 0 { rig.round() }
            if random.word() % 7 == 0, rig.pendingCount > 0 { await rig.finish() }
        }
        rig.run()
        await rig.finishAll()
        let lines = client.lines()
        #expect(lines.filter { $0.id == nil }.map(\.result) == expected)
        #expect(Set(lines.compactMap(\.id)) == ids)
        #expect(lines.count == 300)
    }

    @Test func linesThatWaitedAreAnsweredInTurnsToo() async {
        let rig = EngineRig()
        let (one, two) = (rig.connect(), rig.connect())
        one.send(slow() + String(repeating: "PING\n", count: 127))
        rig.run()
        #expect(one.lines().isEmpty)
        #expect(rig.pendingCount == 1)
        await rig.finish()
        #expect(one.lines().count == 128)
        two.send("PING\n")
        rig.run()
        #expect(two.lines().count == 1)
    }

    // MARK: Bounds

    @Test func aTurnIsBounded() {
        let rig = EngineRig()
        let (one, two) = (rig.connect(), rig.connect())
        one.send(String(repeating: "PING\n", count: 1000))
        rig.round()
        let first = one.lines().count
        #expect(first <= 128)
        two.send("PING\n")
        rig.round()
        #expect(two.lines().count == 1)
        #expect(one.lines().count < 1000 - first)
        rig.run()
        #expect(one.lines().count > 0)
    }

    @Test func requestsInFlightAreBounded() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send((0..<300).map { slow($0) }.joined())
        rig.run()
        #expect(rig.pendingCount == 128)
        // Nothing more is read, not even what could be answered at once; and the loop is at rest.
        client.send(ping(1000))
        rig.run()
        #expect(client.lines().isEmpty)
        await rig.finish()
        #expect(rig.pendingCount == 128)
        await rig.finishAll()
        #expect(Set(rig.everything(of: client).map(\.id)) == Set((0..<300).map { Int64($0) } + [1000]))
    }

    @Test func heldLinesCountAsInFlight() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(slow() + String(repeating: "PING\n", count: 1000))
        rig.run()
        #expect(rig.pendingCount == 1)
        await rig.finish()
        #expect(client.lines().map(\.result) == ["invalid_credentials"] + Array(repeating: "ok", count: 1000))
    }

    @Test func heldLinesAreBoundedInBytes() async {
        let rig = EngineRig()
        let client = rig.connect()
        let long = "{\"op\":\"PING\",\"x\":\"" + String(repeating: "x", count: 60_000) + "\"}\n"
        client.send(slow())
        rig.run()
        var taken = 0
        for _ in 0..<50 {
            let sent = client.send(long)
            taken += max(sent, 0)
            if sent < long.utf8.count { break }
            rig.run()
        }
        // The socket's own buffer is the rest.
        #expect(taken < 1_000_000)
        await rig.finish()
        client.receive()
        #expect(client.lines().count >= 3)
    }

    /// A client that does not read its replies is held back, and loses nothing.
    @Test func aClientThatDoesNotReadIsHeldBack() {
        let rig = EngineRig()
        let client = rig.connect()
        let line = Array("HELP\n".utf8)
        var asked = 0
        while asked < 1_000_000, client.send(line) == line.count {
            asked += 1
            if asked % 64 == 0 { rig.run() }
        }
        // Replies of 4 KB each would be much more by now.
        #expect(asked < 100_000)
        let lines = rig.everything(of: client)
        #expect(lines.count == asked)
        #expect(lines.allSatisfy { $0.hasSuffix("}") && $0.hasPrefix("{\"ok\":true,\"ops\"") })
    }

    @Test func aClientThatReadsByteByByteGetsAll() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(String(repeating: "HELP\n", count: 200))
        var lines: [String] = []
        for _ in 0..<10_000 where lines.count < 200 {
            rig.run()
            client.receive(most: 1000)
            if client.rest.count > 0 { lines += client.lines() }
        }
        #expect(lines.count == 200)
    }

    @Test func aMillionEmptyLinesAreNothing() {
        let rig = EngineRig()
        let client = rig.connect()
        for _ in 0..<20 {
            #expect(client.send(String(repeating: "\n", count: 50_000)) == 50_000)
            rig.run()
        }
        client.send("PING\n")
        rig.run()
        #expect(client.lines().map(\.result) == ["ok"])
    }

    // MARK: Ends

    @Test func whoHalfClosesGetsEveryReply() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(slow() + slow(1) + ping() + slow())
        client.stopWriting()
        rig.run()
        #expect(!client.isAtEnd)
        #expect(rig.isFirstCallerGone == false)
        await rig.finishAll()
        #expect(client.lines().map(\.result) == ["invalid_credentials", "ok", "invalid_credentials", "invalid_credentials"])
        client.receive()
        #expect(client.isAtEnd)
        #expect(rig.engine.connectionCount == 0)
    }

    @Test func whoGoesAwayIsDropped() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(slow() + slow(1) + ping())
        rig.run()
        #expect(rig.pendingCount == 2)
        client.close()
        rig.run()
        #expect(rig.engine.connectionCount == 0)
        #expect(rig.isFirstCallerGone == true)
        // The reply finds nobody, nor whoever has the descriptor by then.
        let other = rig.connect()
        await rig.finishAll()
        #expect(other.lines().isEmpty)
        other.send("PING\n")
        rig.run()
        #expect(other.lines().count == 1)
    }

    /// What it sent before it went is still carried out: a logout that nobody waits for.
    @Test func whatWasSentBeforeGoingIsCarriedOut() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send("{\"op\":\"REVOKE\",\"token\":\"x\"}\n")
        client.close()
        rig.run()
        #expect(rig.pendingCount == 1)
        #expect(rig.engine.connectionCount == 0)
    }

    /// To epoll such a socket is writable for ever, and every write fails.
    @Test func whoStopsReadingIsDropped() {
        let rig = EngineRig()
        let client = rig.connect()
        client.stopReading()
        client.send("PING\n")
        rig.run()
        #expect(rig.engine.connectionCount == 0)
    }

    @Test func whoStopsReadingWhileRepliesWaitIsDropped() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(String(repeating: "HELP\n", count: 500))
        rig.run()
        #expect(rig.engine.connectionCount == 1)
        client.stopReading()
        rig.run()
        // Until it has taken what the socket holds, it is like any other that does not read.
        client.receive()
        rig.run()
        #expect(rig.engine.connectionCount == 0)
    }

    @Test func whoShutsBothSidesDownIsDropped() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(slow())
        rig.run()
        client.stopReading()
        client.stopWriting()
        rig.run()
        #expect(rig.engine.connectionCount == 0)
        await rig.finishAll()
    }

    @Test func whoIsGoneWhilePausedIsDropped() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send((0..<300).map { slow($0) }.joined())
        rig.run()
        client.close()
        rig.run()
        #expect(rig.engine.connectionCount == 0)
        await rig.finishAll()
    }

    // MARK: Too many

    @Test func connectionsAreBounded() {
        var limits = Limits()
        limits.connections = 2
        let rig = EngineRig(limits)
        let (one, two, three) = (rig.connect(), rig.connect(), rig.connect())
        let reply = three.lines()
        #expect(reply.map(\.result) == ["busy"])
        #expect(reply.first?.contains("\"retry_after_ms\":1000") == true)
        three.receive()
        #expect(three.isAtEnd)
        #expect(rig.log.events(.limit).count == 1)
        one.close()
        rig.run()
        let four = rig.connect()
        four.send("PING\n")
        two.send("PING\n")
        rig.run()
        #expect(four.lines().map(\.result) == ["ok"])
        #expect(two.lines().map(\.result) == ["ok"])
    }

    @Test func connectionsOfAPeerAreBounded() {
        var limits = Limits()
        limits.connectionsPerUID = 1
        let rig = EngineRig(limits)
        let (one, two) = (rig.connect(), rig.connect())
        #expect(two.lines().map(\.result) == ["busy"])
        one.close()
        rig.run()
        let three = rig.connect()
        three.send("PING\n")
        rig.run()
        #expect(three.lines().map(\.result) == ["ok"])
    }

    /// What it had sent already does not cost it the reply.
    @Test func whoIsTurnedAwayGetsTheReply() {
        var limits = Limits()
        limits.connections = 0
        let rig = EngineRig(limits)
        let (client, served) = Client.pair()
        client.send(String(repeating: "PING\n", count: 10_000))
        rig.adopt(served)
        #expect(client.lines().map(\.result) == ["busy"])
        client.receive()
        #expect(client.isAtEnd)
        #expect(rig.engine.connectionCount == 0)
    }

    // MARK: Draining

    @Test func drainingAnswersWhatHasArrived() async {
        let rig = EngineRig()
        let (idle, asking, slowOne, half) = (rig.connect(), rig.connect(), rig.connect(), rig.connect())
        half.send("{\"op\":")
        slowOne.send(slow())
        rig.run()
        asking.send(String(repeating: ping(), count: 5000))
        slowOne.send(slow() + "PING\n")
        rig.engine.drain()
        rig.run()
        #expect(rig.everything(of: asking).count == 5000)
        #expect(asking.isAtEnd)
        idle.receive()
        #expect(idle.isAtEnd)
        // Its client cannot write the rest any more: no request, so no reply.
        half.receive()
        #expect(half.isAtEnd && half.lines().isEmpty)
        #expect(rig.engine.connectionCount == 1)
        await rig.finishAll()
        #expect(slowOne.lines().map(\.result) == ["invalid_credentials", "invalid_credentials", "ok"])
        #expect(rig.engine.connectionCount == 0)
        // What comes later meets a closed door.
        #expect(slowOne.send("PING\n") == -1)
    }

    @Test func drainingTakesAHalfClosedClientAlong() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(slow())
        rig.run()
        // Not a line that draining cut short: its client wrote no more.
        client.send("PING")
        client.stopWriting()
        rig.engine.drain()
        rig.run()
        #expect(rig.engine.connectionCount == 1)
        await rig.finishAll()
        #expect(client.lines().map(\.result) == ["invalid_credentials", "ok"])
        #expect(rig.engine.connectionCount == 0)
    }

    @Test func drainingWaitsForWhoHasNotRead() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(String(repeating: "HELP\n", count: 500))
        rig.run()
        rig.engine.drain()
        rig.run()
        #expect(rig.engine.connectionCount == 1)
        #expect(rig.everything(of: client).count == 500)
        #expect(client.isAtEnd)
        #expect(rig.engine.connectionCount == 0)
    }

    /// Events of the same batch, of a connection that is gone by then, or whose descriptor is another's.
    @Test func eventsOfTheDeadAreNothing() {
        let rig = EngineRig()
        let client = rig.connect()
        client.close()
        rig.run()
        for serial: UInt32 in [0, 1, 2, .max] {
            for descriptor: Int32 in [-1, 0, 5, 1000, .max] {
                rig.engine.event(ConnectionID(descriptor: descriptor, serial: serial).eventData, 0x1d)
                rig.engine.complete(ConnectionID(descriptor: descriptor, serial: serial), [0x0a], wasOrdered: true)
            }
        }
        rig.run()
        #expect(rig.engine.connectionCount == 0)
    }
}
