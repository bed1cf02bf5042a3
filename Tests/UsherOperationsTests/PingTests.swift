import Testing
import UsherHarness
import UsherTesting

struct PingTests {
    @Test func saysWhoAndWhatVersion() async {
        let harness = Harness()
        #expect(await harness.ask("PING").line == #"{"ok":true,"server":"usherd","version":"0.0.1-test","protocol":1}"#)
        #expect(harness.store.made.isEmpty)
    }
}
