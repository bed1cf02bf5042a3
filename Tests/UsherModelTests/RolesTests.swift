import Testing
import UsherModel

/// The roles that are known.
struct RolesTests {
    private let post = Permission(stored: "post:*")

    @Test func whatIsNewestHoldsInWhateverOrderItComes() {
        let editor = Role(name: "editor", permissions: [post])
        let first = Roles([editor], version: 1)
        let second = Roles([editor, Role(name: "guest", permissions: [])], version: 2)
        var roles = Roles()
        for stored in [second, first] { roles.adopt(stored) }
        #expect(roles == second)
    }
}
