import Glibc
import Testing
import UsherModel

@testable import UsherServer

/// What is told once only must not be missed: whoever misses it lets a client wait for ever.
struct EdgeTests {
    @Test func anotherOnesRepliesHoldNobodyBack() async {
        let rig = EngineRig()
        let (one, two) = (rig.connect(), rig.connect())
        one.send(slow() + String(repeating: "PING\n", count: 127))
        rig.run()
        // Their replies are more than one turn may write: the second is the last of the round in which `one` has its own.
        two.send(String(repeating: "HELP\n", count: 64))
        await rig.finish()
        #expect(one.lines().count == 128)
    }

    @Test func whatFollowsUrgentDataIsRead() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send("PING\n")
        #expect(unsafe send(client.descriptor, " ", 1, Int32(MSG_OOB)) == 1)
        client.send("PING\n")
        rig.run()
        #expect(client.lines().count == 2)
    }

    @Test func whatFollowsUrgentDataIsReadThoughItCameLater() {
        let rig = EngineRig()
        let client = rig.connect()
        client.send("PING\n")
        rig.run()
        for _ in 0..<3 {
            client.send("PING\n")
            #expect(unsafe send(client.descriptor, " ", 1, Int32(MSG_OOB)) == 1)
        }
        client.send("PING\n")
        rig.run()
        #expect(client.lines().count == 5)
    }

    @Test func whatAClientSentBeforeItWentIsCarriedOutThoughItsLinesWait() async {
        let rig = EngineRig()
        let client = rig.connect()
        client.send(slow() + "PING\n")
        rig.run()
        // This is told in the round in which the line that waits for the LOGIN has its turn.
        client.send(slow(1))
        client.close()
        await rig.finish()
        #expect(rig.pendingCount == 1)
    }

    @Test(arguments: [1, Limits.turnsTogether, 3 * Limits.turnsTogether + 5])
    func thoseThatHaveTheirTurnTogetherAreToldApart(_ count: Int) {
        let rig = EngineRig()
        let clients = (0..<count).map { _ in rig.connect() }
        for (number, client) in clients.enumerated() {
            let request = #"{"op":"PING","id":\#(number)}"# + "\n"
            switch number % 5 {
            case 1: client.send(request + request.prefix(9))
            case 2: client.send(String(request.prefix(9)))
            case 3: client.send(String(repeating: "x", count: 40_000))
            case 4:
                client.send(request)
                client.close()
            default: client.send(request)
            }
        }
        rig.run()
        for (number, client) in clients.enumerated() where number % 5 != 4 {
            let request = #"{"op":"PING","id":\#(number)}"# + "\n"
            let replies = client.lines()
            #expect(replies.count == [1, 1, 0, 0][number % 5])
            switch number % 5 {
            case 1, 2: client.send(String(request.dropFirst(9)))
            case 3: client.send("\n" + request)
            default: client.send(request)
            }
            rig.run()
            let more = client.lines()
            #expect(more.count == (number % 5 == 3 ? 2 : 1))
            for reply in replies + more.suffix(1) { #expect(reply.hasPrefix(#"{"id":\#(number),"ok":true"#)) }
        }
    }
}
