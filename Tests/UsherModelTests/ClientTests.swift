import Testing
import UsherModel

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
        ("2001:DB8::FF", "2001:db8::ff"), ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func `it is kept in one form`(_ raw: String, _ form: String) {
        #expect(IPAddress(parsing: raw)?.description == form)
        #expect(IPAddress(parsing: form) == IPAddress(parsing: raw))
    }

    @Test(arguments: [
        "", " ", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4", "01.2.3.4", "0x7f.0.0.1", "127.0.0.1 ", " 127.0.0.1",
        "127.0.0.1\n",
        "127.0.0.1\0", "127.0.0.1\0.evil", "::1\0", "\0", "127.0.0.1:80", "[::1]", "::1%lo", "fe80::1%eth0", ":::", "1::2::3",
        "12345::",
        "g::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "localhost", "１27.0.0.1", "::ffff:192.0.2.256",
    ])
    func refused(_ raw: String) {
        #expect(IPAddress(parsing: raw) == nil)
    }
}
