import Testing
import UsherHarness
import UsherModel
import UsherOperations
import UsherTesting

struct RegisterTests {
    @Test func answersWithTheUserAndAPairOfTokens() async throws {
        let harness = Harness()
        let reply = await harness.register("Ada", ["client": ["ip": "192.0.2.7", "user_agent": "Firefox"]])
        #expect(reply.isOK)
        #expect(
            Set(reply.members.keys) == [
                "ok", "user", "access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in",
            ])
        #expect(reply.string("token_type") == "Bearer")
        #expect(reply.integer("expires_in") == 900)
        #expect(reply.integer("refresh_expires_in") == 604_800)
        let user = try #require(reply.object("user"))
        #expect(
            Set(user.keys) == [
                "id", "username", "email", "role", "permissions", "claims", "email_verified", "created_at", "last_login_at",
            ])
        #expect(user["username"] as? String == "Ada")
        #expect(user["email"] as? String == "Ada@example.org")
        #expect(user["role"] as? String == "user")
        #expect(user["permissions"] as? [String] == [])
        #expect((user["claims"] as? [String: Any])?.isEmpty == true)
        #expect(user["email_verified"] as? Bool == false)
        #expect(user["created_at"] as? Int64 == harness.now)
        #expect(reply.line.contains("\"last_login_at\":null"))
        #expect(!reply.line.contains("fast"))

        let claims = try #require(await harness.verify(reply.accessToken).claims)
        #expect(claims["sub"] as? String == user["id"] as? String)
        #expect(claims["exp"] as? Int64 == harness.now + 900)
        let session = try #require(harness.session(of: reply.accessToken))
        #expect(session.client == Client(address: IPAddress(parsing: "192.0.2.7"), userAgent: "Firefox"))
        #expect(session.endsAt == harness.now + 90 * 86_400)
        #expect(await harness.login("ADA@example.org").isOK)
        #expect(await harness.refresh(reply.refreshToken).isOK)
    }

    @Test(arguments: ["username", "email", "password"])
    func missingMembersAreNamed(_ name: String) async {
        let harness = Harness()
        let reply = await harness.register("ada", [name: null()])
        #expect(reply.error == "missing_field")
        #expect(reply.field == name)
        let wrong = await harness.register("ada", [name: 5])
        #expect(wrong.error == "invalid_field")
        #expect(wrong.field == name)
        #expect(harness.store.made.isEmpty)
    }

    @Test(arguments: [
        ("username", ""), ("username", "-ada"), ("username", "ad a"), ("username", "ädä"), ("username", "a\u{0}"),
        ("username", String(repeating: "a", count: 65)), ("email", ""), ("email", "ada"), ("email", "@x"), ("email", "a@b@c"),
        ("email", "ada@-x"), ("email", "ada@x..y"), ("email", "a da@x"), ("email", "ada@" + String(repeating: "x", count: 64)),
    ])
    func malformedNamesAreRefused(_ field: String, _ value: String) async {
        let reply = await Harness().register("ada", [field: value])
        #expect(reply.error == "invalid_field")
        #expect(reply.field == field)
        #expect(reply.integer("status") == 422)
    }

    private static let lengths: [(PasswordSettings.Scheme, Int, String?)] = [
        (.yescrypt, 7, "too_short"), (.yescrypt, 8, nil), (.yescrypt, 512, nil), (.yescrypt, 513, "too_long"), (.bcrypt, 72, nil),
        (.bcrypt, 73, "too_long"),
    ]

    @Test(arguments: lengths)
    func passwordsHaveALength(_ scheme: PasswordSettings.Scheme, _ length: Int, _ reason: String?) async {
        let harness = Harness(passwords: PasswordSettings(scheme: scheme))
        let reply = await harness.register("ada", ["password": String(repeating: "x", count: length)])
        #expect(reply.isOK == (reason == nil))
        #expect(reply.string("reason") == reason)
        #expect(reply.error == (reason == nil ? nil : "weak_password"))
    }

    @Test func aPasswordIsMeasuredInBytesAndHasNoNUL() async {
        let harness = Harness()
        #expect(await harness.register("a", ["password": "ääää"]).isOK)
        let reply = await harness.ask(#"{"op":"REGISTER","username":"b","email":"b@x","password":"eightby\u0000"}"#)
        #expect(reply.string("reason") == "nul")
    }

    /// However it is written in JSON.
    @Test func aPasswordIsItsMeaning() async {
        let harness = Harness()
        #expect(
            await harness.ask(#"{"op":"REGISTER","username":"b","email":"b@x","password":"p\u00e4ssw\u00f6rd\ud83d\ude00"}"#).isOK
        )
        #expect(await harness.login("b", "pässwörd😀").isOK)
        #expect(await harness.login("b", "passwörd😀").error == "invalid_credentials")
    }

    @Test(arguments: [("ADA", "other@example.org", "username"), ("other", "ADA@EXAMPLE.ORG", "email")])
    func aNameThatIsTakenCostsNoHash(_ username: String, _ email: String, _ field: String) async {
        let harness = Harness()
        #expect(await harness.register().isOK)
        let before = harness.hasher.counts
        let reply = await harness.register(username, ["email": email])
        #expect(reply.error == "account_exists")
        #expect(reply.field == field)
        #expect(reply.integer("status") == 409)
        #expect(harness.hasher.counts == before)
    }

    @Test(arguments: [PasswordWeakness.dictionary, .containsName, .tooSimple, .breached])
    func aPasswordThatIsJudgedWeakIsRefusedAndCostsNoHash(_ weakness: PasswordWeakness) async {
        let harness = Harness()
        harness.quality.judge(Harness.password, .success(weakness))
        let reply = await harness.register("Ada", ["email": "Ada@Example.org"])
        #expect(reply.error == "weak_password")
        #expect(reply.string("reason") == weakness.word)
        #expect(reply.integer("status") == 422)
        #expect(harness.hasher.counts.hashes == 0)
        #expect(
            harness.quality.owners == [PasswordOwner(username: Username(stored: "Ada"), email: Email(stored: "Ada@Example.org"))])
        #expect(await harness.register("Ada", ["password": "another one"]).isOK)
    }

    /// What can be said at once is said before a worker or the store is asked; then come names, then the password.
    @Test func theCheapComesFirst() async {
        let harness = Harness()
        #expect(await harness.register().isOK)
        harness.quality.judge(Harness.password, .success(.dictionary))
        #expect(await harness.register("ada").error == "account_exists")
        #expect(await harness.register("bob", ["password": "short"]).string("reason") == "too_short")
        #expect(harness.quality.owners.count == 1)
    }

    @Test func aPasswordThatCannotBeJudgedIsNotTaken() async {
        let harness = Harness()
        harness.quality.judge(Harness.password, .failure(UsherError(.internal, cause: "the dictionary is gone")))
        let reply = await harness.register()
        #expect(reply.error == "internal")
        #expect(!reply.line.contains("dictionary"))
        #expect(harness.hasher.counts.hashes == 0)
        #expect(await harness.login().error == "invalid_credentials")
    }

    @Test func theStoreHasTheLastWordOnNames() async {
        let harness = Harness()
        // As if another request had been written since the names were found free.
        harness.store.fail([.create], with: UsherError(.accountExists, detail: .field("username")))
        let reply = await harness.register("bob")
        #expect(reply.error == "account_exists")
        #expect(reply.field == "username")
    }

    @Test func nothingThatAnAppSendsGivesRights() async throws {
        let harness = Harness()
        let reply = await harness.register(
            "eve",
            [
                "role": "admin", "permissions": ["user:*"], "claims": ["role": "admin"], "email_verified": true, "id": "x",
                "user": ["role": "admin"],
            ])
        let user = try #require(reply.object("user"))
        #expect(user["role"] as? String == "user")
        #expect(user["permissions"] as? [String] == [])
        #expect(user["email_verified"] as? Bool == false)
        #expect((user["claims"] as? [String: Any])?.isEmpty == true)
    }

    @Test func theAudienceIsOneOfThoseConfigured() async {
        var tokens = TokenSettings()
        tokens.audiences = ["shop", "blog"]
        let harness = Harness(tokens: tokens)
        let usual = await harness.register("a")
        #expect(claims(of: usual.accessToken)["aud"] as? String == "shop")
        let blog = await harness.register("b", ["audience": "blog"])
        #expect(claims(of: blog.accessToken)["aud"] as? String == "blog")
        // The session keeps it.
        let next = await harness.refresh(blog.refreshToken)
        #expect(claims(of: next.accessToken)["aud"] as? String == "blog")
        for other in ["", "Blog", "usher"] {
            let reply = await harness.register("c", ["audience": other])
            #expect(reply.error == "invalid_field")
            #expect(reply.field == "audience")
        }
    }

    @Test func failuresOfOursLookLikeNothingElse() async {
        let harness = Harness()
        for call in [ScriptedStore.Call.takenField, .create] {
            harness.store.fail([call], with: .storeUnavailable(cause: "the disk is full"))
            let reply = await harness.register()
            #expect(reply.error == "store_unavailable")
            #expect(reply.integer("status") == 503)
            #expect(!reply.line.contains("disk"))
            harness.store.fail([call], with: nil)
        }
        harness.workers.fail(with: .busy)
        let reply = await harness.register()
        #expect(reply.error == "busy")
        #expect((reply.integer("retry_after_ms") ?? 0) > 0)
        harness.workers.fail(with: nil)
        #expect(await harness.register().isOK)
    }
}
