import Foundation
import Testing
import UsherModel

@testable import UsherSystemd

/// What `journalctl -x` tells (systemd/usher.catalog) against what the journal is told.
@Suite struct CatalogTests {
    private struct Entry {
        let id: String
        let head: [Substring]
        let text: String
    }

    private static func entries() throws -> [Entry] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let catalog = try String(contentsOf: root.appending(path: "systemd/usher.catalog"), encoding: .utf8)
        // Without an empty line before it journalctl takes it for text of the one above.
        return catalog.components(separatedBy: "\n\n-- ").dropFirst().map { entry in
            let parts = entry.split(separator: "\n\n", maxSplits: 1)
            let lines = parts[0].split(separator: "\n")
            return Entry(id: String(lines[0]), head: Array(lines.dropFirst()), text: String(parts.last ?? ""))
        }
    }

    @Test("Each kind of event has one entry, and there is no other") func complete() throws {
        #expect(try Self.entries().map(\.id).sorted() == Event.Kind.allCases.map(\.messageID).sorted())
    }

    @Test("Each entry has a subject of its own, and says something") func wellFormed() throws {
        let entries = try Self.entries()
        #expect(Set(entries.map { $0.head.first }).count == entries.count)
        for entry in entries {
            #expect(entry.head.first?.hasPrefix("Subject: ") == true, "\(entry.id)")
            #expect(entry.head.contains("Defined-By: usher"), "\(entry.id)")
            #expect(!entry.text.isEmpty, "\(entry.id)")
        }
    }

    @Test("The fields that entries quote are fields that events have") func fieldsExist() throws {
        let names = [EventTextTests.full, EventTextTests.summary, EventTextTests.reload, EventTextTests.act].flatMap(fields(for:))
            .map {
                $0.prefix { $0 != UInt8(ascii: "=") }
            }
        let known = Set(names.map { String(decoding: $0, as: UTF8.self) })
        for entry in try Self.entries() {
            for quoted in entry.text.matches(of: /@(\w+)@/) { #expect(known.contains(String(quoted.output.1)), "\(entry.id)") }
        }
    }
}
