import Glibc
import Testing
import UsherThreads

@testable import UsherClient

@Suite(.timeLimit(.minutes(1))) struct UsherClientTests {
    static let pong = #""ok":true,"server":"usherd","version":"7.1","protocol":1"#

    /// Why a request was lost; nil if it was not.
    private func lost(_ client: UsherClient, _ request: Request, timeout: Duration? = nil) async -> LostConnection.Reason? {
        do throws(ClientFailure) {
            _ = try await client.call(request, timeout: timeout)
        } catch {
            switch error {
            case .lost(let lost): return lost.reason
            case .denied, .retryLater, .misuse: return nil
            }
        }
        return nil
    }

    private func refused(_ client: UsherClient, _ request: Request) async -> ClientFailure? {
        do throws(ClientFailure) { _ = try await client.call(request) } catch { return error }
        return nil
    }

    private func failureOfNextEvent(_ client: UsherClient) async -> ClientFailure? {
        do throws(ClientFailure) { _ = try await client.nextEvent() } catch { return error }
        return nil
    }

    @Test("One connection, and an id that no other request has") func keptConnection() async throws {
        let daemon = FakeDaemon({ $0.answerAll(Self.pong) })
        let client = UsherClient(path: daemon.path)
        for _ in 0..<3 { #expect(try await client.ping() == "7.1") }
        #expect(daemon.accepted == 1)
        #expect(Set(daemon.received.map(FakeConnection.id)).count == 3)
    }

    @Test("After a restart it connects anew, for any request that was not sent yet") func restart() async throws {
        let gone = Mailbox(false)
        let daemon = FakeDaemon(
            {
                $0.answer(Self.pong)
                gone.change { $0 = true }
            }, { $0.answerAll(#""ok":true,"revoked":true"#) })
        let client = UsherClient(path: daemon.path)
        _ = try await client.ping()
        _ = gone.wait { $0 ? true : nil }
        // The end of the connection follows at once.
        try await Task.sleep(for: .milliseconds(50))
        #expect(try await client.revoke("t"))
        #expect(daemon.accepted == 2)
        #expect(daemon.received.count == 2)
    }

    @Test("What changes nothing is sent again when its connection is lost", arguments: ["VERIFY", "AUTHORIZE", "PING", "HELP"])
    func repeated(_ operation: String) async throws {
        let daemon = FakeDaemon({ _ = $0.read() }, { $0.answerAll(Self.pong) })
        _ = try await UsherClient(path: daemon.path).call(Request(operation))
        #expect(daemon.received.count == 2)
    }

    @Test("Once") func repeatedOnce() async {
        let daemon = FakeDaemon({ _ = $0.read() }, { _ = $0.read() }, { $0.answerAll(Self.pong) })
        #expect(await lost(UsherClient(path: daemon.path), Request("PING")) == .ended)
        #expect(daemon.received.count == 2)
    }

    @Test("All else is not", arguments: ["REGISTER", "LOGIN", "REFRESH", "REVOKE", "IMPORT", "USER_ADD"])
    func notRepeated(_ operation: String) async {
        let daemon = FakeDaemon({ _ = $0.read() }, { $0.answerAll(Self.pong) })
        #expect(await lost(UsherClient(path: daemon.path), Request(operation)) == .ended)
        #expect(daemon.received.count == 1)
    }

    /// One that waited on would never end: nobody closes the connection before the client does.
    @Test("A daemon that hangs is not waited for once the time is over, and not asked again") func hang() async {
        let daemon = FakeDaemon({ while $0.read() != nil {} }, { $0.answerAll(Self.pong) })
        let client = UsherClient(path: daemon.path)
        #expect(await lost(client, Request("PING"), timeout: .milliseconds(100)) == .timedOut)
        #expect(daemon.received.count == 1)
    }

    @Test("After a time-out another one's late reply reaches nobody") func lateReply() async throws {
        let late = Mailbox(false)
        let daemon = FakeDaemon(
            { connection in
                let first = connection.read() ?? ""
                _ = late.wait { $0 ? true : nil }
                connection.write("{\"id\":\(FakeConnection.id(first)),\"ok\":true,\"claims\":{\"sub\":\"ada\"}}\n")
                while connection.read() != nil {}
            }, { $0.answerAll(#""ok":true,"claims":{"sub":"hedy"}"#) })
        let client = UsherClient(path: daemon.path)
        var request = Request("VERIFY")
        request.set("token", "ada's")
        #expect(await lost(client, request, timeout: .milliseconds(50)) == .timedOut)
        late.change { $0 = true }
        #expect(try await client.verify("hedy's").string("sub") == "hedy")
        #expect(daemon.received.filter { $0.contains("hedy") }.count == 1)
    }

    @Test("A reply that nobody asked for closes the connection before the next request goes out") func unaskedReply() async throws
    {
        let daemon = FakeDaemon(
            { connection in
                let request = connection.read() ?? ""
                let reply = "{\"id\":\(FakeConnection.id(request)),\(Self.pong)}\n"
                connection.write(reply + "{\"id\":2,\"ok\":true,\"claims\":{\"sub\":\"eve\"}}\n")
                while connection.read() != nil {}
            }, { $0.answerAll(#""ok":true,"claims":{"sub":"ada"}"#) })
        let client = UsherClient(path: daemon.path)
        _ = try await client.ping()
        #expect(try await client.verify("t").string("sub") == "ada")
    }

    @Test(
        "What is no reply to the request closes the connection",
        arguments: [
            #"{"id":77,"ok":true,"claims":{"sub":"eve"}}"#, #"{"id":"1","ok":true,"claims":{}}"#,
            #"{"ok":true,"claims":{"sub":"eve"}}"#,
            "HTTP/1.1 400 Bad Request", "", #"{"id":1,"id":1,"ok":true}"#, #"{"id":1}"#, #"{"id":1,"ok":"true"}"#,
            #"{"id":1,"ok":false}"#,
            #"[{"id":1,"ok":true}]"#, "{\"id\":1,\"ok\":true,\"version\":\"\u{1}\"}",
        ])
    func garbage(_ line: String) async throws {
        let daemon = FakeDaemon(
            { connection in
                _ = connection.read()
                connection.write(line + "\n")
                while connection.read() != nil {}
            }, { $0.answerAll(Self.pong) })
        let client = UsherClient(path: daemon.path)
        #expect(await lost(client, Request("PING")) == .garbled)
        #expect(try await client.ping() == "7.1")
        #expect(daemon.accepted == 2)
    }

    @Test("Half a reply is none") func halfReply() async {
        let daemon = FakeDaemon({ connection in
            _ = connection.read()
            connection.write(#"{"id":1,"ok":true"#)
        })
        #expect(await lost(UsherClient(path: daemon.path), Request("REVOKE")) == .ended)
    }

    @Test("Who is turned away at the door is told so, though the answer has no id") func turnedAway() async {
        let busy = #"{"ok":false,"error":"busy","message":"Too many.","status":503,"retry_after_ms":250}"#
        let daemon = FakeDaemon({ $0.write(busy + "\n") })
        let failure = await refused(UsherClient(path: daemon.path), Request("LOGIN"))
        guard case .retryLater(let refusal) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(refusal.retryAfter == .milliseconds(250))
    }

    @Test(
        "Three kinds of refusal",
        arguments: [
            ("invalid_credentials", 401, "denied"), ("account_exists", 409, "denied"), ("rate_limited", 429, "denied"),
            ("busy", 503, "later"), ("store_unavailable", 503, "later"), ("shutting_down", 503, "later"),
            ("internal", 500, "later"),
            ("bad_request", 400, "misuse"), ("invalid_field", 422, "misuse"), ("forbidden_op", 403, "misuse"),
            // Codes of a later daemon count by their status.
            ("moon_in_the_wrong_phase", 401, "denied"), ("disk_on_fire", 507, "later"),
        ])
    func kinds(_ code: String, _ status: Int, _ kind: String) async {
        let daemon = FakeDaemon({ $0.answerAll(#""ok":false,"error":"\#(code)","message":"No.","status":\#(status)"#) })
        let found =
            switch await refused(UsherClient(path: daemon.path), Request("LOGIN")) {
            case .denied: "denied"
            case .retryLater: "later"
            case .misuse: "misuse"
            case .lost, nil: "none"
            }
        #expect(found == kind)
    }

    @Test("A refusal leaves the connection as it is") func refusalKeepsConnection() async throws {
        let daemon = FakeDaemon({ connection in
            connection.answer(#""ok":false,"error":"token_revoked","message":"Over.","status":401"#)
            connection.answerAll(Self.pong)
        })
        let client = UsherClient(path: daemon.path)
        #expect(await refused(client, Request("VERIFY"))?.description == "Over.")
        #expect(try await client.ping() == "7.1")
        #expect(daemon.accepted == 1)
    }

    @Test("One that does not reconnect is lost once its connection is") func withoutReconnecting() async throws {
        let daemon = FakeDaemon({ $0.answer(Self.pong) }, { $0.answerAll(Self.pong) })
        let client = UsherClient(path: daemon.path, reconnects: false)
        _ = try await client.ping()
        #expect(await lost(client, Request("PING")) == .ended)
        #expect(daemon.accepted == 1)
    }

    @Test("Where there is no daemon, nothing is sent") func unreachable() async {
        #expect(await lost(UsherClient(path: "/tmp/usher-no-such-socket"), Request("PING")) == .unreachable)
        #expect(await lost(UsherClient(path: String(repeating: "x", count: 200)), Request("PING")) == .unreachable)
    }

    @Test("A cancelled task does not wait") func cancelled() async {
        let daemon = FakeDaemon({ while $0.read() != nil {} })
        let client = UsherClient(path: daemon.path, timeout: .seconds(600))
        let task = Task { await lost(client, Request("PING")) }
        while daemon.received.isEmpty { await Task.yield() }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test("Requests of many tasks go one after another") func manyTasks() async throws {
        let daemon = FakeDaemon({ connection in
            while let request = connection.read() {
                connection.write("{\"id\":\(FakeConnection.id(request)),\"ok\":true,\"echo\":\(request)}\n")
            }
        })
        let client = UsherClient(path: daemon.path)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<50 {
                group.addTask {
                    var request = Request("PROFILE")
                    request.set("number", Int64(number))
                    return try await client.call(request).object("echo")?.integer("number") == Int64(number)
                }
            }
            for try await isSame in group { #expect(isSame) }
        }
        #expect(daemon.accepted == 1)
    }

    @Test("A stream gives out what follows its reply, until it ends") func stream() async throws {
        let daemon = FakeDaemon(
            { connection in
                connection.answer(#""ok":true"#)
                connection.write("{\"event\":{\"op\":\"LOGIN\"}}\n{\"event\":{\"op\":\"VERIFY\"}}\n")
            },
            { connection in
                connection.answer(#""ok":true"#)
                connection.write(#"{"ok":false,"error":"busy","message":"Too slow.","status":503,"retry_after_ms":1000}"# + "\n")
            })
        let client = UsherClient(path: daemon.path)
        _ = try await client.watch(Request("MONITOR"))
        #expect(try await client.nextEvent().object("event")?.string("op") == "LOGIN")
        #expect(try await client.nextEvent().object("event")?.string("op") == "VERIFY")
        await #expect(throws: ClientFailure.self) { try await client.nextEvent() }
        _ = try await client.watch(Request("MONITOR"))
        #expect(await failureOfNextEvent(client)?.refusal?.code == "busy")
    }

    @Test("Large replies, and requests larger than the socket takes at once") func large() async throws {
        let essay = String(repeating: "x", count: 3_000_000)
        let daemon = FakeDaemon({ connection in
            while let request = connection.read() {
                connection.write("{\"id\":\(FakeConnection.id(request)),\"ok\":true,\"length\":\(request.utf8.count),\"rest\":\"")
                connection.write(essay)
                connection.write("\"}\n")
            }
        })
        var request = Request("IMPORT")
        request.set("users", [essay])
        let reply = try await UsherClient(path: daemon.path).call(request)
        #expect(reply.integer("length") ?? 0 > 3_000_000)
        #expect(reply.string("rest")?.utf8.count == 3_000_000)
    }
}
