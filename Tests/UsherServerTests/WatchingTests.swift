import Foundation
import Glibc
import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

@testable import UsherServer

struct WatchingTests {
    private let rig = EngineRig()

    private func admin() -> Client {
        let (client, served) = Client.pair()
        rig.engine.adopt(served, from: Listener(inherited: -1, name: "admin"))
        return client
    }

    private func watcher() async -> Client {
        let client = admin()
        client.send("{\"op\":\"MONITOR\"}\n")
        rig.run()
        await rig.finishAll()
        #expect(client.lines() == [#"{"ok":true}"#])
        return client
    }

    private var hasWatchers: Bool { rig.engine.connections.list.watching > 0 }
    private var count: Int { rig.engine.connectionCount }

    private func event(_ text: String = "something") -> [UInt8] { Event(.notice, .notice, text).line(at: 7) }

    // MARK: Watching

    @Test func whoWatchesIsSentEvents() async {
        let (one, two, other) = (await watcher(), await watcher(), rig.connect())
        #expect(hasWatchers)
        rig.engine.tell(event("one") + event("two"))
        let expected = ["one", "two"].map {
            #"{"event":{"at":7,"kind":"notice","priority":"notice","message":"\#($0)","fields":{}}}"#
        }
        #expect(one.lines() == expected)
        #expect(two.lines() == expected)
        #expect(other.lines().isEmpty)
        // Other requests are answered between events.
        one.send(ping(1))
        rig.run()
        #expect(one.lines().map(\.id) == [1])
    }

    @Test func nobodyElseIsSentAnything() {
        let client = admin()
        #expect(!hasWatchers)
        rig.engine.tell(event())
        rig.run()
        #expect(client.lines().isEmpty)
    }

    @Test func whoLeavesWatchesNoMore() async {
        let (one, two) = (await watcher(), await watcher())
        one.close()
        rig.run()
        #expect(hasWatchers)
        #expect(count == 1)
        rig.engine.tell(event())
        #expect(two.lines().count == 1)
        two.close()
        rig.run()
        #expect(!hasWatchers)
        #expect(count == 0)
    }

    /// `socat` shuts its side down when it has nothing more to send.
    @Test func whoHasSentAllGoesOnWatching() async {
        let client = await watcher()
        client.stopWriting()
        rig.run()
        rig.engine.tell(event())
        rig.run()
        #expect(client.lines().count == 1)
        #expect(!client.isAtEnd)
        client.close()
        rig.engine.tell(event())
        rig.run()
        #expect(count == 0)
    }

    @Test func watchersAreCounted() async {
        var watchers: [Client] = []
        for _ in 0..<Limits.watchers { watchers.append(await watcher()) }
        let oneMore = admin()
        oneMore.send("{\"op\":\"MONITOR\"}\n")
        rig.run()
        await rig.finishAll()
        #expect(oneMore.lines().map(\.result) == ["busy"])
        watchers[3].close()
        rig.run()
        oneMore.send("{\"op\":\"MONITOR\",\"id\":1}\n{\"op\":\"MONITOR\",\"id\":2}\n")
        rig.run()
        await rig.finishAll()
        // Twice is no more than once.
        #expect(oneMore.lines().map(\.result) == ["ok", "ok"])
        rig.engine.tell(event())
        #expect(oneMore.lines().count == 1)
    }

    @Test func aDaemonThatStopsEndsIt() async {
        let client = await watcher()
        rig.engine.tell(event())
        rig.engine.drain()
        rig.run()
        #expect(client.lines().count == 1)
        #expect(client.waitForEnd())
        #expect(count == 0)
        #expect(!hasWatchers)
    }

    @Test func drainingWaitsForNobodyWhoAsksToWatch() async {
        let client = admin()
        client.send("{\"op\":\"MONITOR\"}\n")
        rig.engine.drain()
        rig.run()
        await rig.finishAll()
        #expect(client.lines().map(\.result) == ["shutting_down"])
        #expect(client.waitForEnd())
        #expect(count == 0)
        #expect(!hasWatchers)
    }

    // MARK: Slow ones

    @Test func whoDoesNotReadIsDropped() async {
        let (slow, quick) = (await watcher(), await watcher())
        let line = event(String(repeating: "x", count: 10_000))
        var seen = 0
        var sent = 0
        while rig.log.events(.limit).isEmpty, sent < 1_000 {
            rig.engine.tell(line)
            sent += 1
            rig.run()
            seen += quick.lines().count
        }
        #expect(sent < 200)
        #expect(seen == sent)
        // Nothing more waits for it, but the socket has what it has taken.
        rig.engine.tell(line)
        #expect(quick.lines().count == 1)
        let lines = rig.everything(of: slow)
        #expect(slow.isAtEnd)
        #expect(lines.count < sent)
        // All are whole, and the last one says why.
        for line in lines.dropLast() { #expect(line.hasPrefix(#"{"event":{"#) && line.hasSuffix("}}}")) }
        #expect(lines.last?.result == "busy")
        #expect(count == 1)
    }

    @Test func whoIsDroppedAndGoesAwayLeavesNothing() async {
        let slow = await watcher()
        let line = event(String(repeating: "x", count: 100_000))
        for _ in 0..<30 { rig.engine.tell(line) }
        #expect(!hasWatchers)
        #expect(count == 1)
        slow.close()
        rig.run()
        #expect(count == 0)
    }

    // MARK: Lines and the feed

    @Test func anEventIsALine() throws {
        var event = Event(
            .refreshReuse, .warning, "a \"line\"\nand more", op: "REFRESH", result: "refresh_token_reused", user: "ada",
            peer: Peer(uid: 33, gid: 33, pid: 4711), request: "r\u{1}")
        event.changed = ["a", "b"]
        let line = Reply(event.line(at: 1_700_000_000))
        let members = try #require(line.object("event"))
        #expect(members["at"] as? Int == 1_700_000_000)
        #expect(members["kind"] as? String == "refresh_reuse")
        #expect(members["priority"] as? String == "warning")
        #expect(members["message"] as? String == "a \"line\"\nand more")
        #expect(
            members["fields"] as? [String: String] == [
                "op": "REFRESH", "result": "refresh_token_reused", "user": "ada", "peer_uid": "33", "peer_pid": "4711",
                "request": "r\u{1}", "changed": "a,b",
            ])
    }

    @Test func theFeedIsBounded() {
        let feed = EventFeed(clock: rig.clock)
        let event = Event(.notice, .notice, String(repeating: "x", count: 100_000))
        #expect(feed.add(event))
        for _ in 0..<20 { #expect(!feed.add(event)) }
        let lines = feed.take()
        #expect(lines.count <= Limits.watchedBytes + 1_000)
        let count = lines.count { $0 == 0x0a }
        let last = String(decoding: lines.split(separator: 0x0a).last ?? [], as: UTF8.self)
        #expect(last.contains("\"message\":\"\(21 - (count - 1)) events were not shown"))
        #expect(feed.take().isEmpty)
        #expect(feed.add(event))
    }

    // MARK: Clients

    @Test func clientsAreListedPageByPage() throws {
        let asks = admin()
        let others = (0..<25).map { _ in rig.connect() }
        others[0].send("PING\nPING\n" + slow(1) + ping(2))
        rig.run()
        rig.clock.advance(milliseconds: 2_500)
        var all: [[String: Any]] = []
        var after: Int64?
        var pages = 0
        repeat {
            asks.send("{\"op\":\"CLIENTS\",\"limit\":10\(after.map { ",\"after\":\($0)" } ?? "")}\n")
            rig.run()
            let page = Reply(Array((asks.lines()[0] + "\n").utf8))
            all += try #require(page.objects("clients"))
            after = page.integer("after")
            pages += 1
        } while after != nil && pages < 10
        #expect(pages == 3)
        #expect(all.count == 26)
        #expect(
            all.allSatisfy { $0["age"] as? Int == 2 && $0["uid"] as? Int == Int(geteuid()) && $0["pid"] as? Int == Int(getpid()) }
        )
        let busy = all.filter { $0["requests"] as? Int == 4 }
        #expect(busy.count == 1)
        #expect(busy.first?["in_flight"] as? Int == 1)
        #expect(busy.first?["socket"] as? String == "app")
        #expect(all.filter { $0["socket"] as? String == "admin" }.count == 1)
    }

    @Test func connectionsAreCounted() {
        let asks = admin()
        let other = rig.connect()
        other.send("PING\n" + String(repeating: "x", count: 70_000) + "\n")
        rig.run()
        other.close()
        rig.run()
        asks.send("{\"op\":\"STATUS\"}\n")
        rig.run()
        let status = Reply(Array((asks.lines()[0] + "\n").utf8))
        #expect(status.integer("connections") == 1)
        #expect(status.integer("accepted") == 2)
        let unknown = status.objects("operations")?.first { $0["op"] as? String == "unknown" }
        #expect(unknown?["results"] as? [String: Int] == ["ok": 0, "line_too_long": 1])
    }
}
