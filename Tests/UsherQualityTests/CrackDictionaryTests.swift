import Glibc
import Testing
import UsherModel

@testable import UsherQuality

@Suite struct CrackDictionaryTests {
    private let folder = TemporaryFolder()

    /// A copy of the machine's dictionary, some of it changed.
    private func copy(_ name: String, _ changes: [String: [UInt8]?] = [:]) -> String {
        for end in ["pwd", "pwi", "hwm"] {
            let content = changes[end] ?? content("\(CrackDictionary.usualPath).\(end)")
            if let content { _ = folder.file("\(name).\(end)", content) }
        }
        return "\(folder.path)/\(name)"
    }

    @Test func theUsualOneIsThere() throws {
        #expect(CrackDictionary.usualPath == "/var/cache/cracklib/cracklib_dict")
        _ = try CrackDictionary(opening: CrackDictionary.usualPath)
        _ = try CrackDictionary(opening: copy("whole"))
    }

    @Test("One that lacks or is damaged is told at once, with the remedy") func broken() {
        let none: [UInt8]? = .some(nil) ?? nil
        let cases: [(String, [String: [UInt8]?], String)] = [
            ("no words", ["pwd": none], ".pwd: No such file or directory"), ("no index", ["pwi": none], ".pwi: No such file"),
            ("empty", ["pwd": []], ".pwd: it is empty"), ("empty index", ["pwi": []], ".pwi: it is empty"),
            ("short", ["pwi": [1, 2, 3]], ".pwi: this is no dictionary"),
            ("garbage", ["pwi": Array(repeating: 0x41, count: 4096)], ".pwi: this is no dictionary"),
            ("zeros", ["pwi": Array(repeating: 0, count: 4096)], ".pwi: this is no dictionary"),
        ]
        for (name, changes, words) in cases {
            let path = copy(name, changes)
            let failure = #expect(throws: StartFailure.self) { try CrackDictionary(opening: path) }
            #expect(failure?.description.contains("\(path)\(words)") == true, "\(failure?.description ?? "")")
            #expect(failure?.description.contains("cracklib") == true)
        }
    }

    @Test("One that goes away lets no password pass") func gone() throws {
        let path = copy("fleeting")
        let quality = LibraryQuality(dictionary: try CrackDictionary(opening: path))
        #expect(try quality.weakness(of: "password123") == .dictionary)
        unsafe unlink(path + ".pwi")
        let error = #expect(throws: UsherError.self) { try quality.weakness(of: "correct horse") }
        #expect(error?.code == .internal)
        #expect(error?.cause?.contains(path) == true)
    }
}
