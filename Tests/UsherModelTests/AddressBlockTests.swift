import Testing
import UsherModel

@Suite struct AddressBlockTests {
    private func block(_ text: String) throws -> AddressBlock { AddressBlock(try #require(IPAddress(parsing: text))) }

    @Test(arguments: [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"), ("192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.1", "64:ff9b::c000:201"), ("192.0.2.1", "64:ff9b:1::c000:201"), ("192.0.2.1", "64:ff9b:1:fffe::c000:201"),
        ("192.0.2.1", "2002:c000:201::1"), ("2002:c000:201::1", "2002:c000:201:ffff:1:2:3:4"),
        ("::1", "::2"),
    ])
    func oneBlock(_ one: String, _ other: String) throws {
        #expect(try block(one) == block(other))
    }

    @Test(arguments: [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"), ("192.0.2.1", "192.0.2.2"), ("192.0.2.1", "::192.0.2.1"), ("0.0.0.0", "::"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"), ("::ffff:0.0.0.1", "::1"), ("192.0.2.1", "::ffff:0:192.0.2.1"),
        ("64:ff9b::1", "64:ff9b::2"), ("64:ff9b:1::1", "64:ff9b:1::2"), ("64:ff9b::1", "64:ff9b:2::1"),
        ("2002:c000:201::1", "2002:c000:202::1"), ("192.0.2.1", "2003:c000:201::1"), ("192.0.2.1", "64:ff9b:1:0:1::c000:201"),
    ])
    func twoBlocks(_ one: String, _ other: String) throws {
        #expect(try block(one) != block(other))
    }
}
