import Glibc
import Testing

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
}
