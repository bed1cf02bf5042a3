import Testing
import UsherModel

@testable import UsherSystemd

@Suite struct EventTextTests {
    static let id = UserID(UUIDv7(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001))

    static let full = Event(
        .login, .notice, "login refused", op: "LOGIN", result: "invalid_credentials", user: "alice@example.com", userID: id,
        peer: Peer(uid: 33, gid: 34, pid: 4711), clientAddress: IPAddress(parsing: "2001:db8::1"), request: "r-1")

    /// What stands for many.
    static let summary = {
        var event = Event(.repeated, .notice, "... and 12,345 more like it in 10 s", op: "LOGIN", result: "invalid_credentials")
        event.peerUID = 33
        event.count = 12_345
        return event
    }()

    /// What an administrator did.
    static let act = {
        var event = Event(.userChanged, .info, "USER_SET granted", op: "USER_SET", result: "ok", user: "ada", userID: id)
        event.change = Event.Change(before: #"{"role":"user"}"#, after: #"{"role":"é"}"#)
        return event
    }()

    /// What a reload found.
    static let reload = {
        var event = Event(.reloaded, .notice, "settings were read anew", result: "ok")
        event.changed = ["token.issuer", "jwt-secret"]
        event.pending = ["password.workers"]
        return event
    }()

    @Test func whatChangedIsTold() {
        #expect(
            Self.act.text == #"""
                USER_SET granted op=USER_SET result=ok user=ada before="{\"role\":\"user\"}" after="{\"role\":\"\u{e9}\"}"
                """#)
    }

    @Test func line() {
        #expect(
            Self.full.text == """
                login refused op=LOGIN result=invalid_credentials user=alice@example.com peer=33:4711 ip=2001:db8::1 request=r-1
                """)
        #expect(
            Self.summary.text
                == "... and 12,345 more like it in 10 s op=LOGIN result=invalid_credentials peer=33 count=12345")
        #expect(Event(.ready, .info, "ready").text == "ready")
        #expect(Event(.notice, .info, "max_line=65536 is in force").text == "\"max_line=65536 is in force\"")
    }

    /// What a client could put into the members that it chooses.
    static let forgeries = [
        "x\nusherd[1] notice: login op=LOGIN result=ok user=root", "x\nUSHER_RESULT=ok", "x result=ok user=root",
        "x\" result=ok y=\"",
        "x\\\" result=ok", "\u{1b}[1A\u{1b}[2Kx", "x\u{2028}result=ok", "x\u{85}result=ok", "x\r\nresult=ok", "x\0result=ok",
        "x\u{202e}ko=tluser", "result=ok", " result=ok", "",
    ]

    /// Reads a line as a careful program would: words that are bare or in quotes, with a name and `=` in front.
    private func parse(_ line: String) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        var name = ""
        var value: String?
        var isQuoted = false
        var isEscaped = false
        for character in line.unicodeScalars {
            let text = String(character)
            if isQuoted {
                if isEscaped {
                    isEscaped = false
                } else if text == "\\" {
                    isEscaped = true
                } else if text == "\"" {
                    isQuoted = false
                }
                if value == nil { name += text } else { value! += text }
            } else if text == "\"" {
                isQuoted = true
                if value == nil { name += text } else { value! += text }
            } else if text == " " {
                if let value { fields.append((name, value)) }
                (name, value) = ("", nil)
            } else if text == "=", value == nil {
                value = ""
            } else if value == nil {
                name += text
            } else {
                value! += text
            }
        }
        if let value { fields.append((name, value)) }
        return fields
    }

    @Test("Nothing that a client sends adds a field or a line", arguments: forgeries) func forgery(_ forged: String) {
        for member in 0..<3 {
            var event = Self.full
            switch member {
            case 0: event.request = forged
            case 1: event.user = forged
            default: event.message = forged
            }
            let fields = parse(event.text)
            #expect(fields.map(\.name) == ["op", "result", "user", "peer", "ip", "request"])
            #expect(fields.count { $0.name == "result" && $0.value == "invalid_credentials" } == 1)
            #expect(event.text.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        }
    }
}
