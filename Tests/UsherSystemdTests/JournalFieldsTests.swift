import Testing
import UsherModel

@testable import UsherSystemd

@Suite struct JournalFieldsTests {
    private func text(_ event: Event) -> [String] { fields(for: event).map { String(decoding: $0, as: UTF8.self) } }

    @Test func allFields() {
        let event = EventTextTests.full
        #expect(
            text(event) == [
                "MESSAGE=\(event.text)", "PRIORITY=5", "SYSLOG_IDENTIFIER=usherd", "MESSAGE_ID=\(Event.Kind.login.messageID)",
                "USHER_OP=LOGIN", "USHER_RESULT=invalid_credentials", "USHER_USER=alice@example.com",
                "USHER_USER_ID=01990000-0000-7000-8000-000000000001", "USHER_PEER_UID=33", "USHER_PEER_PID=4711",
                "USHER_CLIENT_IP=2001:db8::1", "USHER_REQUEST=r-1",
            ])
    }

    @Test("A summary has the uid alone, and its count") func summary() {
        let event = EventTextTests.summary
        #expect(
            text(event) == [
                "MESSAGE=\(event.text)", "PRIORITY=5", "SYSLOG_IDENTIFIER=usherd", "MESSAGE_ID=\(Event.Kind.repeated.messageID)",
                "USHER_OP=LOGIN", "USHER_RESULT=invalid_credentials", "USHER_PEER_UID=33", "USHER_COUNT=12345",
            ])
    }

    @Test("A reload names what it changed, and what it could not") func reload() {
        let event = EventTextTests.reload
        #expect(
            text(event) == [
                "MESSAGE=\(event.text)", "PRIORITY=5", "SYSLOG_IDENTIFIER=usherd", "MESSAGE_ID=\(Event.Kind.reloaded.messageID)",
                "USHER_RESULT=ok", "USHER_CHANGED=token.issuer,jwt-secret", "USHER_PENDING=password.workers",
            ])
    }

    @Test("What is absent is left out") func absent() {
        #expect(
            text(Event(.ready, .info, "ready")) == [
                "MESSAGE=ready", "PRIORITY=6", "SYSLOG_IDENTIFIER=usherd", "MESSAGE_ID=\(Event.Kind.ready.messageID)",
            ])
    }

    @Test("A value stays one field, as it came; the message is printable", arguments: EventTextTests.forgeries)
    func forgery(_ forged: String) {
        var event = EventTextTests.full
        event.request = forged
        event.message = forged
        let fields = fields(for: event)
        #expect(fields.count == 12)
        #expect(fields.last == Array("USHER_REQUEST=\(forged)".utf8))
        #expect(fields.count { $0.starts(with: "USHER_RESULT=".utf8) } == 1)
        #expect(fields[0].starts(with: "MESSAGE=".utf8))
        #expect(fields[0].allSatisfy { (0x20...0x7e).contains($0) })
    }

    @Test("Each kind of event has a message id of its own, 128 bits in hexadecimal") func messageIDs() {
        let ids = Event.Kind.allCases.map(\.messageID)
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { id in id.utf8.count == 32 && id.allSatisfy { "0123456789abcdef".contains($0) } })
    }
}
