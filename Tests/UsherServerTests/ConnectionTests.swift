import Testing
import UsherModel
import UsherOperations

@testable import UsherServer

struct ConnectionTests {
    private let connection = Connection(
        id: ConnectionID(descriptor: 3, serial: 1), caller: Caller(peer: Peer(uid: 1, gid: 1, pid: 1)),
        socket: "app", rights: Rights(everythingAt: .app), since: 0)

    /// A password is gone as soon as its line has been carried out, however many wait behind it.
    @Test func aLineThatIsTakenOutIsLetGo() {
        for _ in 0..<100 {
            connection.hold(.line(SharedSecret(SecretBytes(copying: Array("password".utf8).span))))
        }
        for _ in 0..<100 {
            weak var line: SharedSecret?
            if case .line(let secret) = connection.takeHeld() {
                line = secret
                #expect(line != nil)
            } else {
                Issue.record("a line is missing")
            }
            #expect(line == nil)
        }
        if connection.takeHeld() != nil { Issue.record("there are no more") }
    }

    @Test func whoIsWhoSurvivesEpoll() {
        for descriptor: Int32 in [0, 3, .max] {
            for serial: UInt32 in [1, 2, 0x8000_0000, .max] {
                let id = ConnectionID(descriptor: descriptor, serial: serial)
                #expect(ConnectionID(eventData: id.eventData) == id)
            }
        }
    }
}
