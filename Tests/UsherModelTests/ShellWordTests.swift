import Testing
import UsherModel

struct ShellWordTests {
    @Test func aPlainWordStaysAsItIs() {
        #expect("/var/lib/usher@shop/jwt-secret".shellWord == "/var/lib/usher@shop/jwt-secret")
    }

    @Test func whatAShellWouldTakeApartIsQuoted() {
        #expect("/my state/$HOME".shellWord == "'/my state/$HOME'")
        #expect("it's".shellWord == #"'it'\''s'"#)
        #expect("".shellWord == "''")
        #expect("ä;rm".shellWord == "'ä;rm'")
    }
}
