import UsherModel

extension Schema {
    /// By them USER_LIST finds the few of many.
    static let userLists: [StaticString] = [
        "CREATE INDEX users_role ON users (role, id)",
        "CREATE INDEX users_disabled ON users (id) WHERE disabled = 1",
    ]

    static func checkUserLists(_ database: Database) throws(StoreFault) {
        try database.run("SELECT 1 FROM users INDEXED BY users_role WHERE role = '' LIMIT 0")
        try database.run("SELECT 1 FROM users INDEXED BY users_disabled WHERE disabled = 1 LIMIT 0")
    }
}

/// The ways through the accounts. Each begins behind a place in an index and follows it, so that a page takes as long among a million as among
/// a hundred.
enum UserList {
    static let byID: StaticString = "SELECT id FROM users WHERE id > ?1 ORDER BY id LIMIT ?2"

    static let disabled: StaticString =
        "SELECT id FROM users INDEXED BY users_disabled WHERE disabled = 1 AND id > ?1 ORDER BY id LIMIT ?2"

    static let byRole: StaticString = "SELECT id FROM users WHERE role = ?3 AND id > ?1 ORDER BY id LIMIT ?2"

    /// Those whose username is from ?3 to ?4, behind a name.
    static let byUsername: StaticString = """
        SELECT id FROM users WHERE username_folded > ?1 AND username_folded >= ?3 AND username_folded < ?4
        ORDER BY username_folded LIMIT ?2
        """

    /// The same of emails.
    static let byEmail: StaticString = """
        SELECT id FROM users WHERE email_folded > ?1 AND email_folded >= ?3 AND email_folded < ?4
        ORDER BY email_folded LIMIT ?2
        """
}

extension Transaction {
    func users(_ query: UserQuery) throws(StoreFault) -> UserPage {
        if let search = query.search { return try users(query, beginningWith: search.lowercased()) }
        var page = GatheredPage(query)
        let after: UserID? = if case .id(let id) = query.after { id } else { nil }
        let place = Value.id(after?.uuid ?? UUIDv7(high: 0, low: 0))
        if query.isDisabled == true {
            try gather(UserList.disabled, behind: place, to: &page, passingOver: query.role != nil)
        } else if let role = query.role {
            try gather(UserList.byRole, behind: place, [.text(role)], to: &page, passingOver: query.isDisabled != nil)
        } else {
            try gather(UserList.byID, behind: place, to: &page, passingOver: query.isDisabled != nil)
        }
        return UserPage(users: page.users, next: page.hasMore ? page.last.map { .id($0.id) } : nil)
    }

    private func users(_ query: UserQuery, beginningWith search: String) throws(StoreFault) -> UserPage {
        var page = GatheredPage(query)
        var (username, email) = ("", "")
        var isPastUsernames = false
        switch query.after {
        case .name(.username(let name)): username = name.folded
        case .name(.email(let name)): (email, isPastUsernames) = (name.folded, true)
        case nil, .id: break
        }
        // What begins with a text is less than it with a DEL, which no name has.
        let range: [Value] = [.text(search), .text(search + "\u{7f}")]
        if !isPastUsernames {
            let isFiltered = query.role != nil || query.isDisabled != nil
            try gather(UserList.byUsername, behind: .text(username), range, to: &page, passingOver: isFiltered)
        }
        let seenByUsername = page.seen
        if !page.hasMore {
            try gather(UserList.byEmail, behind: .text(email), range, to: &page, passingOver: true) {
                $0.username.folded.hasPrefix(search)
            }
        }
        guard page.hasMore, let last = page.last else { return UserPage(users: page.users, next: nil) }
        // Whether its last was come across by its username: one may be by both.
        let isByUsername = page.seen == seenByUsername
        return UserPage(users: page.users, next: .name(isByUsername ? .username(last.username) : .email(last.email)))
    }

    /// - Parameters:
    ///   - passesOver: whether accounts that are come across may not belong on the page.
    ///   - isListed: whether one is on another page.
    private func gather(
        _ way: StaticString, behind place: Value, _ values: [Value] = [], to page: inout GatheredPage,
        passingOver passesOver: Bool, unless isListed: (User) -> Bool = { _ in false }
    ) throws(StoreFault) {
        // One more than may be looked at tells whether there are more.
        let most = passesOver ? Limits.listScan : page.query.most
        let ids = try database.all(way, [place, .integer(Int64(most) + 1)] + values) { row throws(StoreFault) in
            UserID(try row.id())
        }
        for id in ids {
            guard !page.isFull else {
                page.hasMore = true
                return
            }
            guard let record = try find(.id(id)) else { continue }
            page.take(record, isWanted: !isListed(record.user))
        }
    }
}

/// A page that is being gathered.
private struct GatheredPage {
    let query: UserQuery
    private(set) var users: [AccountRecord] = []
    /// The last one that was looked at.
    private(set) var last: User?
    /// Whether there are accounts that were not looked at.
    var hasMore = false
    private var bytes = 0
    private(set) var seen = 0

    init(_ query: UserQuery) { self.query = query }

    var isFull: Bool { users.count >= query.most || bytes >= query.bytes || seen >= Limits.listScan }

    mutating func take(_ record: AccountRecord, isWanted: Bool) {
        seen += 1
        last = record.user
        guard isWanted, query.admits(record.account) else { return }
        bytes += record.account.size
        users.append(record)
    }
}
