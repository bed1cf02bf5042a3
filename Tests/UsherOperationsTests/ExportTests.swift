import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct ExportTests {
    private let harness = Harness(threshold: .info, place: .admin)

    @Test func pagesHaveEachUserOnce() async throws {
        for name in ["ada", "bob", "eve"] {
            _ = await harness.register(name)
            harness.clock.advance(seconds: 1)
        }
        var names: [String] = []
        var next: String?
        var sizes: [Int] = []
        repeat {
            let page = await harness.ask("EXPORT", ["limit": 2].merging(next.map { ["after": $0] } ?? [:]) { $1 })
            let users = try #require(page.objects("users"))
            names += users.compactMap { $0["username"] as? String }
            sizes.append(users.count)
            next = page.string("next")
            #expect(page.has("next"))
        } while next != nil
        #expect(names == ["ada", "bob", "eve"])
        #expect(sizes == [2, 1])
    }

    @Test func ofNobodyThePageIsEmpty() async {
        #expect(await harness.ask("EXPORT", [:]).line == #"{"ok":true,"users":[],"next":null}"#)
        #expect(await harness.ask("EXPORT", ["after": "ffffffff-ffff-7fff-bfff-ffffffffffff"]).isOK)
    }

    @Test(
        arguments: [
            ("after", #"{"op":"EXPORT","after":"x"}"#), ("after", #"{"op":"EXPORT","after":1}"#),
            ("limit", #"{"op":"EXPORT","limit":0}"#),
            ("limit", #"{"op":"EXPORT","limit":1001}"#), ("limit", #"{"op":"EXPORT","limit":1.0}"#),
        ])
    func aFaultyRequestIsTold(_ field: String, _ line: String) async {
        let reply = await harness.ask(line)
        #expect(reply.error == "invalid_field")
        #expect(reply.field == field)
    }

    /// What only an administrator sees is answered nowhere else.
    @Test(arguments: ["EXPORT", "IMPORT"]) func theAppSocketRefusesIt(_ op: String) async throws {
        let harness = Harness(threshold: .notice)
        let reply = await harness.ask(op, ["id": "a", "users": [["username": "ada"]]])
        #expect(reply.error == "forbidden_op")
        #expect(reply.integer("status") == 403)
        #expect(reply.string("id") == "a")
        let event = try #require(harness.log.events.first)
        #expect(event.kind == .refused)
        #expect(event.priority == .notice)
        #expect(event.op == op)
        #expect(event.result == "forbidden_op")
        #expect(event.peer == harness.caller.peer)
    }
}
