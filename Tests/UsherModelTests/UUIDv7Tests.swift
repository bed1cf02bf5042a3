import Testing
import UsherModel

@Suite struct UUIDv7Tests {
    /// RFC 9562 appendix A.6.
    @Test func `the example of the standard`() {
        let uuid = UUIDv7(milliseconds: 0x017F_22E2_79B0, random: (0xCC3, 0x18C4_DC0C_0C07_398F << 2))
        #expect(uuid.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    }

    @Test(arguments: [UInt64.min, .max, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa])
    func `version and variant are set whatever the random bits`(_ bits: UInt64) {
        let uuid = UUIDv7(milliseconds: 0x1234_5678_9abc, random: (bits, bits))
        #expect(uuid.high >> 16 == 0x1234_5678_9abc)
        #expect(uuid.high >> 12 & 0xf == 7)
        #expect(uuid.low >> 62 == 0b10)
        #expect(uuid.high & 0xfff == bits & 0xfff)
        #expect(uuid.low & (1 << 62 - 1) == bits >> 2)
    }

    @Test(arguments: [
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "01234567-89ab-cdef-fedc-ba9876543210",
    ])
    func `canonical text goes round`(_ text: String) throws {
        #expect(try #require(UUIDv7(parsing: text)).description == text)
    }

    @Test(arguments: [
        "", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398F", "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4dc0c0c07398f-",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f", "017f22e2_79b0_7cc3_98c4_dc0c0c07398f", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2-79b0-7cc3-98c4-dc0c0c07398 ", " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398\n", "017f22e2-79b0-7cc3-98c4-dc0c0c0739é", "017f22e2-79b0-7cc3-98c4-dc0c0c07398\0",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f", "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    ])
    func `all other text is refused`(_ text: String) {
        #expect(UUIDv7(parsing: text) == nil)
    }

    @Test func `every byte is judged at a digit and at a hyphen`() {
        let canonical = Array("017f22e2-79b0-7cc3-98c4-dc0c0c07398f".utf8)
        for index in canonical.indices {
            for byte in UInt8.min...UInt8.max {
                var text = canonical
                text[index] = byte
                let isHyphen = canonical[index] == UInt8(ascii: "-")
                let fits = isHyphen ? byte == UInt8(ascii: "-") : "0123456789abcdef".utf8.contains(byte)
                if (UUIDv7(parsing: text.span) != nil) != fits { Issue.record("byte \(byte) at \(index)") }
            }
        }
    }

    @Test func `order is that of creation, and that of the text`() {
        var bits: UInt64 = 88_172_645_463_325_252
        var made: [UUIDv7] = []
        for milliseconds in [0, 1, 0xff, 0x100, 0xffff_ffff, 0x1_0000_0000, 1_790_000_000_000, 0xffff_ffff_ffff] as [Int64] {
            for _ in 0..<4 {
                bits ^= bits << 13
                bits ^= bits >> 7
                bits ^= bits << 17
                made.append(UUIDv7(milliseconds: milliseconds, random: (bits, ~bits)))
            }
        }
        for (index, left) in made.enumerated() {
            #expect(UUIDv7(parsing: left.description) == left)
            for (other, right) in made.enumerated() {
                #expect((left < right) == (left.description < right.description))
                if index / 4 < other / 4 { #expect(left < right) }
            }
        }
    }

    @Test func `a UUID of another version or variant is told`() {
        #expect(UUIDv7(milliseconds: 1_700_000_000_000, random: (.max, .max)).isVersion7)
        for text in [
            "01900000-0000-4000-8000-000000000000", "01900000-0000-7000-c000-000000000000",
            "01900000-0000-7000-0000-000000000000",
        ] {
            #expect(UUIDv7(parsing: text)?.isVersion7 == false)
        }
        #expect(UUIDv7(parsing: "01900000-0000-7000-b000-000000000000")?.isVersion7 == true)
    }

    @Test func `ids print as their UUID`() {
        let uuid = UUIDv7(high: 1, low: 2)
        #expect(UserID(uuid).description == "00000000-0000-0001-0000-000000000002")
        #expect(SessionID(uuid).description == UserID(uuid).description)
    }
}
