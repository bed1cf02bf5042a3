import Testing
import UsherHarness
import UsherModel
import UsherTesting
import UsherWire

struct DispatcherTests {
    private let harness = Harness()

    // MARK: The envelope

    @Test func aReplyIsOneLineWithItsIDFirst() async {
        #expect(await harness.ask(#"{"op":"PING","id":7}"#).line.hasPrefix(#"{"id":7,"ok":true,"#))
        #expect(
            await harness.ask(#"{"id":"x","op":"NONE"}"#).line
                == #"{"id":"x","ok":false,"error":"unknown_op","message":"There is no such operation; HELP lists them.","status":400}"#
        )
        #expect(await harness.ask(#"{"op":"PING"}"#).line.hasPrefix(#"{"ok":true,"#))
        let register = await harness.ask(
            #"{"id":"\u00e4","op":"register","username":"ada","email":"a@x","password":"correct horse"}"#)
        #expect(register.line.hasPrefix(#"{"id":"\u00e4","ok":true,"user":{"#))
        #expect(
            await harness.ask(#"{"id":-0,"op":"login","login":"ada","password":"x"}"#).line.hasPrefix(#"{"id":-0,"ok":false,"#))
    }

    @Test(arguments: [
        #""""#, #""a b""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\ud83d\ude00""#, "\"ä€😀\"", "\"\u{7f}\"", "\"\u{2028}\"", "0",
        "-1",
        "9223372036854775807", "-9223372036854775808", "\"" + String(repeating: "x", count: 64) + "\"",
        "\"" + String(repeating: "ä", count: 32) + "\"", "\"" + String(repeating: #"\u0041"#, count: 64) + "\"",
    ])
    func anIDComesBackAsItCame(_ id: String) async {
        #expect(await harness.ask("{\"op\":\"PING\" , \"id\" : \(id) }").line.hasPrefix("{\"id\":\(id),\"ok\":true,"))
    }

    @Test(arguments: [
        "1.0", "1e3", "1E0", "-1.5", "9223372036854775808", "-9223372036854775809", "100000000000000000000", "true", "false",
        "[]",
        "{}", "[1]", "\"" + String(repeating: "x", count: 65) + "\"", "\"" + String(repeating: "ä", count: 33) + "\"",
        "\"" + String(repeating: #"\u00e4"#, count: 33) + "\"",
    ])
    func anIDThatBreaksItsRulesIsABadRequest(_ id: String) async {
        let reply = await harness.ask("{\"op\":\"PING\",\"id\":\(id)}")
        #expect(reply.error == "bad_request")
        #expect(reply.integer("status") == 400)
        #expect(reply.integer("offset") == 18)
        #expect(!reply.has("id"))
    }

    @Test func anIDThatIsNullIsNone() async {
        let reply = await harness.ask(#"{"op":"PING","id":null}"#)
        #expect(reply.isOK)
        #expect(!reply.has("id"))
    }

    // MARK: The operation

    @Test(arguments: ["PING", "ping", "PiNg", #"\u0050ing"#])
    func theOperationsNameIsInAnyCase(_ name: String) async {
        #expect(await harness.ask("{\"op\":\"\(name)\"}").isOK)
    }

    @Test(arguments: [
        "", "PIN", "PINGS", "PING ", "pıng", "P\u{0}NG", "0ING", "p\u{e9}ng", "LOG\u{2c}N", "\u{30}\u{29}\u{2e}\u{27}",
    ])
    func anUnknownOperationIsTold(_ name: String) async {
        #expect(await harness.ask(json(["op": name])).error == "unknown_op")
    }

    @Test func theOperationMustBeThereAndAString() async {
        for line in ["{}", #"{"op":null}"#, #"{"Op":"PING"}"#, #"{"x":{"op":"PING"}}"#] {
            let reply = await harness.ask(line)
            #expect(reply.error == "missing_field")
            #expect(reply.field == "op")
        }
        for value in ["5", "true", "[]", "{}", #"["PING"]"#] {
            let reply = await harness.ask("{\"id\":1,\"op\":\(value)}")
            #expect(reply.error == "bad_request")
            #expect(reply.integer("id") == 1)
        }
    }

    @Test(arguments: [
        ("", 0), ("x", 0), ("[]", 0), ("{", 1), (#"{"op":"PING"} x"#, 14), (#"{"op":"PING","op":"PING"}"#, 13),
        (#"{"op":"PING","x":[1,]}"#, 20), (#"{"op":"PING","x":"\ud800"}"#, 18), (#"{"op":"PING","x":01}"#, 18), ("PING PING", 0),
        ("HELP  PING", 0), (" PING", 1), ("\u{feff}{}", 0),
    ])
    func whatIsNoRequestIsToldWithItsPlace(_ line: String, _ offset: Int64) async {
        let reply = await harness.ask(line)
        #expect(reply.error == "bad_request")
        #expect(reply.integer("offset") == offset)
        #expect(reply.string("message")?.contains("\(offset)") == true)
    }

    /// Nothing of it is carried out, and it has no id.
    @Test func aFaultBehindTheMembersCounts() async {
        let reply = await harness.ask(
            #"{"id":1,"op":"REGISTER","username":"a","email":"a@x","password":"12345678","z":{"a":1,"a":2}}"#)
        #expect(reply.error == "bad_request")
        #expect(!reply.has("id"))
        #expect(harness.store.made.isEmpty)
    }

    @Test func bytesThatAreNoUTF8AreNoRequest() async {
        guard case .answered(let reply) = harness.dispatch(Array("{\"op\":\"PING\",\"x\":\"".utf8) + [0xff] + Array("\"}".utf8))
        else {
            Issue.record("not answered")
            return
        }
        #expect(reply.error == "bad_request")
        #expect(reply.integer("offset") == 18)
        guard case .answered(let bare) = harness.dispatch([0x50, 0xff, 0x49]) else { return }
        #expect(bare.error == "bad_request")
    }

    @Test(arguments: ["PING", "ping", "Ping", "HELP", "help", "HELP login", "HELP user_set", "help LOGIN"])
    func bareWords(_ line: String) async {
        let reply = await harness.ask(line)
        #expect(reply.isOK)
        #expect(reply.has(line.lowercased().hasPrefix("ping") ? "server" : "ops"))
        if line.contains(" ") { #expect(reply.objects("ops")?.count == 1) }
    }

    @Test func bareWordsHaveTheirFaults() async {
        let topic = await harness.ask("HELP nothing")
        #expect(topic.error == "invalid_field")
        #expect(topic.field == "topic")
        for line in ["LOGIN", "HELP a b", "HELP \"x\"", "PING ", "HELP ", "HELP\tPING", "QUIT"] {
            #expect(await harness.ask(line).error == "bad_request", "\(line)")
        }
    }

    // MARK: Order

    @Test(arguments: [
        #"{"op":"PING"}"#, "PING", "HELP", "{", "x", #"{"op":"NONE"}"#, #"{"op":"LOGIN","login":"a","password":"b"}"#,
        #"{"op":"PING","id":1.5}"#, #"{"op":5}"#, #"{"op":"PING","id":null}"#, #"{"op":"LOGIN"}"#,
    ])
    func whatHasNoIDMayHaveToWait(_ line: String) {
        guard case .mustWait = harness.dispatch(line, mayRunInOrder: false) else {
            Issue.record("\(line) did not wait")
            return
        }
        #expect(harness.log.events.isEmpty)
    }

    @Test(arguments: [
        #"{"op":"PING","id":1}"#, #"{"op":"NONE","id":1}"#, #"{"op":5,"id":"x"}"#, #"{"op":"LOGIN","id":"x"}"#, #"{"id":2}"#,
    ])
    func whatHasOneDoesNot(_ line: String) {
        guard case .answered(let reply) = harness.dispatch(line, mayRunInOrder: false) else {
            Issue.record("\(line) waited")
            return
        }
        #expect(reply.has("id"))
    }

    @Test func whatTakesLongerSaysWhetherItHoldsUpOthers() {
        for (id, isOrdered) in [("", true), (#","id":1"#, false), (#","id":null"#, true)] {
            guard case .deferred(let request) = harness.dispatch(#"{"op":"LOGIN","login":"a","password":"b"\#(id)}"#) else {
                Issue.record("not put off")
                return
            }
            #expect(request.isOrdered == isOrdered)
        }
    }

    // MARK: Failures

    /// Each code with what it carries, by a store that fails with it.
    @Test(
        arguments: [
            (UsherError(.rateLimited, detail: .retryAfter(17)), "retry_after"),
            (UsherError.busy, "retry_after_ms"), (UsherError(.tokenExpired, detail: .expiredAt(17)), "expired_at"),
            (UsherError(.tokenNotActive, detail: .activeAt(17)), "active_at"),
            (UsherError(.badRequest, detail: .offset(17)), "offset"),
            (UsherError(.accountExists, detail: .field("email")), "field"),
            (UsherError(.weakPassword, detail: .reason("too_short")), "reason"),
            (UsherError(.insufficientRole, detail: .roles(["a"])), "roles"),
            (UsherError(.insufficientPermission, detail: .permissions(["a"])), "permissions"),
            (UsherError(.internal, detail: .reference("abc")), "reference"), (UsherError(.storeUnavailable), nil),
            (UsherError(.shuttingDown), nil), (UsherError(.lineTooLong), nil), (UsherError(.forbiddenOp), nil),
            (UsherError(.refreshTokenReused), nil), (UsherError(.accountDisabled), nil), (UsherError(.unknownOp), nil),
        ] as [(UsherError, String?)])
    func aFailureCarriesItsDetail(_ error: UsherError, _ member: String?) async {
        harness.store.fail([.lookUp], with: error)
        let reply = await harness.ask(#"{"id":1,"op":"LOGIN","login":"a","password":"b"}"#)
        #expect(reply.bool("ok") == false)
        #expect(reply.error == error.code.rawValue)
        #expect(reply.integer("status") == Int64(error.code.status))
        #expect(reply.string("message") == error.message)
        #expect(Set(reply.members.keys) == Set(["id", "ok", "error", "message", "status"] + (member.map { [$0] } ?? [])))
        switch error.detail {
        case .none, .challenge: break
        case .field(let text), .reason(let text), .reference(let text): #expect(reply.string(member ?? "") == text)
        case .roles(let list), .permissions(let list): #expect(reply.strings(member ?? "") == list)
        case .offset, .expiredAt, .activeAt, .retryAfter: #expect(reply.integer(member ?? "") == 17)
        case .line(let line, let field):
            #expect(reply.integer(member ?? "") == Int64(line))
            #expect(reply.field == field)
        case .retryAfterMilliseconds(let number): #expect(reply.integer(member ?? "") == Int64(number))
        }
    }

    @Test(arguments: UsherError.Code.allCases)
    func everyCodeHasAMessageAndAStatus(_ code: UsherError.Code) async {
        harness.store.fail([.lookUp], with: UsherError(code))
        let reply = await harness.ask(#"{"op":"LOGIN","login":"a","password":"b"}"#)
        #expect(reply.error == code.rawValue)
        #expect(reply.string("message")?.isEmpty == false)
        #expect((400...503).contains(reply.integer("status") ?? 0))
    }

    @Test func anInternalErrorHasAReferenceAndKeepsItsCause() async throws {
        harness.store.fail([.lookUp], with: UsherError(.internal, cause: "secret cause: row 17 is broken"))
        let (one, two) = (
            await harness.ask(#"{"op":"LOGIN","login":"a","password":"b"}"#),
            await harness.ask(#"{"op":"LOGIN","login":"a","password":"b"}"#)
        )
        let reference = try #require(one.string("reference"))
        #expect(!one.line.contains("cause"))
        #expect(!one.line.contains("17 is broken"))
        #expect(reference != two.string("reference"))
        let events = harness.log.events(.failure)
        #expect(events.count == 2)
        #expect(events[0].message.contains(reference))
        #expect(events[0].message.contains("row 17 is broken"))
        #expect(events[0].priority == .error)
    }

    /// A dispatcher is used again and again: nothing of a request shows in the next.
    @Test func nothingIsLeftOver() async {
        let token = await harness.register().accessToken
        for _ in 0..<3 {
            #expect(await harness.ask(#"{"id":"first","op":"VERIFY","token":"\#(token)"}"#).isOK)
            #expect(await harness.ask(#"{"op":"VERIFY"}"#).line.hasPrefix(#"{"ok":false,"error":"token_required""#))
            #expect(await harness.ask(#"{"op":"AUTHORIZE","roles":["user"],"token":"\#(token)"}"#).isOK)
            #expect(await harness.ask(#"{"#).error == "bad_request")
            #expect(await harness.ask(#"{"op":"AUTHORIZE","roles":["root"],"token":"\#(token)"}"#).error == "insufficient_role")
        }
    }
}
