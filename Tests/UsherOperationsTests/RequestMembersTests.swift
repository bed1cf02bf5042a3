import Testing
import UsherHarness
import UsherJSON
import UsherModel

@testable import UsherOperations

struct RequestMembersTests {
    /// Reads `text` and lets `body` ask for a member of it.
    private func read<R>(_ text: String, _ body: (inout JSONReader, Span<UInt8>) throws(UsherError) -> R) throws -> R {
        let line = Array(text.utf8)
        var reader = JSONReader(nesting: Limits.nesting)
        try reader.read(line.span)
        return try body(&reader, line.span)
    }

    private func error<R>(_ text: String, _ body: (inout JSONReader, Span<UInt8>) throws(UsherError) -> R) -> UsherError? {
        do { _ = try read(text, body) } catch { return error as? UsherError }
        return nil
    }

    @Test func nullCountsAsAbsent() throws {
        #expect(try read(#"{"a":null}"#) { reader, line throws(UsherError) in try reader.string("a", in: line) } == nil)
        #expect(try read(#"{}"#) { reader, line throws(UsherError) in try reader.string("a", in: line) } == nil)
        #expect(try read(#"{"a":null}"#) { reader, line throws(UsherError) in try reader.bool("a", in: line) } == false)
        #expect(try read(#"{"a":null}"#) { reader, line throws(UsherError) in try reader.names("a", in: line) } == nil)
        #expect(
            try read(#"{"client":null}"#) { reader, line throws(UsherError) in
                try reader.client(in: line, Rights(everythingAt: .app))
            } == Client())
        #expect(
            try read(#"{"client":{"ip":null,"user_agent":null}}"#) { reader, line throws(UsherError) in
                try reader.client(in: line, Rights(everythingAt: .app))
            } == Client())
        #expect(
            error(#"{"a":null}"#) { reader, line throws(UsherError) in try reader.requiredString("a", in: line) }?.code
                == .missingField)
    }

    @Test func membersAreFoundByTheirMeaning() throws {
        #expect(try read(#"{"\u0061":"\u0062"}"#) { reader, line throws(UsherError) in try reader.string("a", in: line) } == "b")
        #expect(try read(#"{"A":"x"}"#) { reader, line throws(UsherError) in try reader.string("a", in: line) } == nil)
        // Not those of inner objects.
        #expect(try read(#"{"b":{"a":"x"}}"#) { reader, line throws(UsherError) in try reader.string("a", in: line) } == nil)
    }

    @Test(arguments: ["1", "true", "[]", "{}", "[\"a\"]"])
    func aStringIsAString(_ value: String) {
        let error = error("{\"a\":\(value)}") { reader, line throws(UsherError) in try reader.string("a", in: line) }
        #expect(error?.code == .invalidField)
        #expect(error?.detail == .field("a"))
    }

    @Test(arguments: ["1", "\"true\"", "[]", "{}", "0"])
    func aBooleanIsABoolean(_ value: String) {
        #expect(
            error("{\"a\":\(value)}") { reader, line throws(UsherError) in try reader.bool("a", in: line) }?.detail == .field("a")
        )
    }

    @Test func namesAreAListOfWords() throws {
        func names(_ value: String) throws -> [String]? {
            try read("{\"a\":\(value)}") { reader, line throws(UsherError) in try reader.names("a", in: line) }
        }
        #expect(try names(#"["a","b"]"#) == ["a", "b"])
        #expect(try names(#"[ "a" , "\u0062" ]"#) == ["a", "b"])
        #expect(try names(#"["a","a"]"#) == ["a", "a"])
        for wrong in [
            "[]", "[1]", #"["a",1]"#, #"["a",null]"#, #"["a",["b"]]"#, #"["a",{"b":"c"}]"#, #"[""]"#, #""a""#, "{}", "1",
        ] {
            #expect(throws: UsherError.self) { try names(wrong) }
        }
    }

    /// The order of the members after a list of objects was looked through: the reader is still good.
    @Test func lookingThroughAListLeavesTheReaderAsItWas() throws {
        let answer = try read(#"{"a":[{"x":1,"y":{"z":2}}],"b":["c"],"d":"e"}"#) { reader, line throws(UsherError) in
            let first = try? reader.names("a", in: line)
            return (first, try reader.names("b", in: line), try reader.string("d", in: line))
        }
        #expect(answer.0 == nil)
        #expect(answer.1 == ["c"])
        #expect(answer.2 == "e")
    }

    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("::1", "::1"), ("2001:DB8::0:1", "2001:db8::1"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ])
    func addressesAreWrittenOneWay(_ given: String, _ kept: String) throws {
        let client = try read("{\"client\":{\"ip\":\"\(given)\"}}") { reader, line throws(UsherError) in
            try reader.client(in: line, Rights(everythingAt: .app))
        }
        #expect(client.address?.description == kept)
    }

    @Test(arguments: [
        #"5"#, #""x""#, #"[]"#, #"{"ip":5}"#, #"{"ip":""}"#, #"{"ip":"localhost"}"#, #"{"ip":"192.0.2.256"}"#,
        #"{"ip":"192.0.2"}"#,
        #"{"ip":" 192.0.2.1"}"#, #"{"ip":"192.0.2.1\u0000"}"#, #"{"ip":"192.0.2.1\u0000 evil"}"#, #"{"ip":"fe80::1%eth0"}"#,
        #"{"ip":"[::1]"}"#, #"{"user_agent":5}"#, #"{"ip":"::1","user_agent":[]}"#,
    ])
    func aMalformedClientIsRefused(_ value: String) {
        let error = error("{\"client\":\(value)}") { reader, line throws(UsherError) in
            try reader.client(in: line, Rights(everythingAt: .app))
        }
        #expect(error?.code == .invalidField)
        #expect(error?.detail == .field("client"))
    }

    /// Cut to 256 bytes, never inside a character.
    @Test(arguments: [("x", 1, 256), ("ä", 2, 256), ("€", 3, 255), ("😀", 4, 256)])
    func aUserAgentIsCut(_ character: String, _ size: Int, _ kept: Int) throws {
        let agent = String(repeating: character, count: 300)
        let client = try read("{\"client\":{\"user_agent\":\"\(agent)\"}}") { reader, line throws(UsherError) in
            try reader.client(in: line, Rights(everythingAt: .app))
        }
        #expect(client.userAgent == String(repeating: character, count: kept / size))
    }

    @Test func unknownMembersOfAClientAreIgnored() throws {
        let client = try read(#"{"client":{"ip":"::1","port":[1,{"a":2}]}}"#) { reader, line throws(UsherError) in
            try reader.client(in: line, Rights(everythingAt: .app))
        }
        #expect(client == Client(address: IPAddress(parsing: "::1")))
    }

    @Test func aPasswordIsUnescapedStraightIntoItsMemory() throws {
        let secret = try read(#"{"password":"a\n\u00e4\ud83d\ude00\u0000b"}"#) { reader, line throws(UsherError) in
            try reader.requiredSecret("password", in: line)
        }
        let bytes = secret.bytes.withBytes { span in span.indices.map { span[$0] } }
        #expect(bytes == Array("a\nä😀\u{0}b".utf8))
        #expect("\(secret)" == "<secret>")
        #expect(
            error(#"{"password":5}"#) { reader, line throws(UsherError) in try reader.requiredSecret("password", in: line) }?.code
                == .invalidField)
    }

    /// `authorization`: the token that is found, or the code.
    @Test(arguments: [
        ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BeArEr\t \tabc ", "abc"), ("Bearer abc def", "token_invalid"),
        ("Bearer", "token_invalid"), ("Bearer ", "token_invalid"), ("", "token_required"), (" ", "token_required"),
        ("abc", "token_required"), ("Basic abc", "token_required"), ("Bearerabc", "token_required"),
        ("Bear er", "token_required"),
        ("Bearer,abc", "token_required"), ("Bearer: abc", "token_required"), ("\u{42}\u{45}arer abc", "abc"),
    ])
    func authorizationHeaders(_ header: String, _ result: String) throws {
        let found: String
        do {
            found = try read(json(["authorization": header])) { reader, line throws(UsherError) in
                try reader.withToken(in: line) { token in String(decoding: token.indices.map { token[$0] }, as: UTF8.self) }
            }
        } catch let error as UsherError {
            found = error.code.rawValue
        }
        #expect(found == result)
    }
}
