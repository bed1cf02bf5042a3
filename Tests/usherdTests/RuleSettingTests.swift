import Glibc
import Testing
import UsherModel
import UsherOperations

@testable import usherd

struct RuleSettingTests {
    @Test func rulesAreReadInTheirOrder() throws {
        let text = """
            [[rule]]
            socket = "blog"
            user = "root"
            group = 5
            operations = ["VERIFY", "AUTHORIZE"]
            rate = "1000/s"
            connections = 20
            audiences = ["blog", "shop"]

            [token]
            audiences = ["site", "shop", "blog"]

            [[rule]]
            group = "root"
            operations = "all"
            connections = "25%"
            client_address = true

            [[rule]]
            operations = []
            """
        let read = try configuration(text)
        var blog = Rule(operations: OperationSet(["VERIFY", "AUTHORIZE"]))
        (blog.socket, blog.uid, blog.gid, blog.rate) = ("blog", 0, 5, Rate("1000/s"))
        (blog.connections, blog.audiences) = (.count(20), ["blog", "shop"])
        var roots = Rule(operations: .all(at: .app))
        (roots.gid, roots.connections, roots.mayNameAddresses) = (0, .percent(25), true)
        #expect(read.rules.map(\.rule) == [blog, roots, Rule(operations: .none)])
        let written = SettingsFile.text(of: read)
        let again = try configuration(written)
        #expect(again.rules.map(\.rule) == read.rules.map(\.rule))
        #expect(SettingsFile.text(of: again) == written)
        #expect(Configuration.differences(read, again).isEmpty)
        #expect(
            Configuration.differences(read, try configuration("[token]\naudiences = [\"site\", \"shop\", \"blog\"]")) == ["rule"])
    }

    @Test func manyRulesKeepTheirOrder() throws {
        let text = (1...30).map { "[[rule]]\nuser = \($0)\noperations = []\n" }.joined()
        #expect(try configuration(text).rules.map(\.rule.uid) == (1...30).map { UInt32($0) })
    }

    @Test(arguments: [
        ("operation = []", "there is no setting rule[1].operation"),
        ("operations = \"VERIFY\"", "rule[1].operations must be \"all\" or a list"),
        ("operations = [\"VERFY\"]", "rule[1].operations: there is no operation \"VERFY\""),
        ("operations = [\"verify\"]", "there is no operation \"verify\" (they are written in capitals"),
        ("operations = [\"VERIFY\", \"EXPORT\"]", "rule[1].operations: EXPORT is answered on the admin socket alone"),
        ("operations = 5", "rule[1].operations must be"),
        ("socket = \"\"", "rule[1].socket must be"), ("socket = \"a:b\"", "rule[1].socket must be"),
        ("socket = \"a b\"", "rule[1].socket must be"), ("socket = \"ä\"", "rule[1].socket must be"),
        ("socket = \"admin\"", "rule[1].socket must not be \"admin\""), ("socket = 5", "rule[1].socket must be"),
        ("user = \"nobody-of-that-name\"", "rule[1].user: this machine knows no user \"nobody-of-that-name\""),
        ("group = \"nobody-of-that-name\"", "rule[1].group: this machine knows no group \"nobody-of-that-name\""),
        ("user = \"\"", "knows no user \"\""), ("user = -1", "rule[1].user must be"),
        ("user = 4294967295", "rule[1].user must be"),
        ("group = true", "rule[1].group must be"), ("user = [\"root\"]", "rule[1].user must be"),
        ("rate = 5", "rule[1].rate must be"), ("rate = \"5\"", "rule[1].rate must be"),
        ("connections = 0", "rule[1].connections must be"), ("connections = \"0%\"", "rule[1].connections must be"),
        ("connections = \"101%\"", "rule[1].connections must be"), ("connections = \"5\"", "rule[1].connections must be"),
        ("client_address = \"true\"", "rule[1].client_address must be"),
        ("audiences = []", "rule[1].audiences must be"), ("audiences = \"blog\"", "rule[1].audiences must be"),
        ("rate.x = 5", "there is no setting rule[1].rate.x"),
    ])
    func aMistakeIsToldWithItsPlace(_ line: String, _ words: String) {
        let fault = fault("\n[[rule]]\n\(line)\n") ?? "none"
        #expect(fault.hasPrefix("3:") && fault.contains(words), "\(fault)")
        #expect(!fault.contains("\n"))
    }

    @Test(arguments: [
        ("[[rule]]\nsocket = \"x\"\n", "1:1: rule[1].operations must be set"),
        ("\n[[rule]]\n", "2:1: rule[1].operations must be set"),
        ("[[rule]]\noperations = []\n[[rule]]\nuser = 1\n", "3:1: rule[2].operations must be set"),
        (
            "[[rule]]\noperations = []\naudiences = [\"usher\", \"blog\"]\n",
            "1:1: rule[1].audiences may name only what token.audiences"
        ),
        ("[rule]\noperations = []\n", "there is no setting rule.operations"), ("rule = 5\n", "there is no setting rule"),
        ("[[rules]]\noperations = []\n", "there is no setting rules[1]"),
        ("[[rule]]\noperations = []\n[[rule]]\noperation = []\n", "4:13: there is no setting rule[2].operation."),
        ("[[rule.x]]\ny = 1\n", "there is no setting rule.x[1]"),
    ])
    func aMistakeOfTheWholeIsTold(_ text: String, _ words: String) {
        let fault = fault(text) ?? "none"
        #expect(fault.contains(words), "\(fault)")
    }

    @Test func whatTheEnvironmentNamesCounts() throws {
        let text = "[[rule]]\noperations = []\naudiences = [\"blog\"]\n"
        #expect(try configuration(text, ["JWT_AUDIENCE": "shop,blog"]).rules.count == 1)
    }
}
