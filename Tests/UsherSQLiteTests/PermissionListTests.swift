import Testing
import UsherModel

@testable import UsherSQLite

@Suite struct PermissionListTests {
    @Test(arguments: [[], ["a"], ["a", "b:*"], ["\"", "\\", "\n\0\u{1f}", "é,😀", "[", "]"], [",", "\\u0041"]])
    func whatIsWrittenIsRead(permissions: [String]) {
        let list = permissions.map(Permission.init(stored:))
        #expect(PermissionList.read(PermissionList.write(list)) == list)
    }

    @Test func itIsJSON() {
        #expect(PermissionList.write(["a\"b", "\n"].map(Permission.init(stored:))) == #"["a\"b","\u000a"]"#)
    }

    @Test(arguments: [
        "", "[", "]", "[a]", "[\"a\"", "[\"a]", "[\"a\",]", "[\"a\"]x", "[\"a\" ]", "{}", #"["\u0041"]"#, #"["\n"]"#, #"["\"#,
        #"["\u00"]"#,
    ])
    func otherTextIsNotRead(text: String) {
        #expect(PermissionList.read(text) == nil)
    }
}
