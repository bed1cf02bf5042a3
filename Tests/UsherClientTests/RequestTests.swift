import Testing

@testable import UsherClient

@Suite struct RequestTests {
    private func line(_ request: Request) -> String { String(decoding: request.line(id: 7), as: UTF8.self) }

    @Test("A line with its id first; what is nil is left out") func members() {
        var request = Request("user_list")
        request.set("search", "a\"\n")
        request.set("role", String?.none)
        request.set("limit", 10)
        request.set("disabled", false)
        request.set("grant", ["post:*"])
        request.set("claims", json: Array("{\n \"n\":1}".utf8))
        request.set(EndUser(address: "::1"))
        #expect(
            line(request)
                == #"{"id":7,"op":"USER_LIST","search":"a\"\n","limit":10,"disabled":false,"grant":["post:*"],"claims":{ "n":1},"#
                + "\"client\":{\"ip\":\"::1\"}}\n")
        #expect(line(Request("PING")) == "{\"id\":7,\"op\":\"PING\"}\n")
    }
}

@Suite struct ReplyObjectTests {
    private let reply = ReplyObject(
        parsing: Array(
            #"{"id":1,"ok":true,"none":null,"n":-5,"s":"é\n","list":[{"a":1},{"a":2}],"words":["x","y"],"o":{"b":false}}"#.utf8))

    @Test("Members by their types; of another type they are nil") func members() throws {
        let reply = try #require(reply)
        #expect(reply.integer("n") == -5)
        #expect(reply.string("s") == "é\n")
        #expect(reply.bool("ok") == true)
        #expect(reply.string("n") == nil && reply.integer("s") == nil && reply.bool("s") == nil && reply.object("list") == nil)
        #expect(reply.has("none") && reply.string("none") == nil && !reply.has("nothing"))
        #expect(reply.object("o")?.bool("b") == false)
        #expect(reply.objects("list")?.map { $0.integer("a") } == [1, 2])
        #expect(reply.strings("words") == ["x", "y"])
        #expect(reply.rawElements("list")?.map { String(decoding: $0, as: UTF8.self) } == [#"{"a":1}"#, #"{"a":2}"#])
        #expect(reply.members.map(\.name) == ["id", "ok", "none", "n", "s", "list", "words", "o"])
    }
}
