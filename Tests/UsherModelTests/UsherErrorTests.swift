import Testing
import UsherModel

@Suite struct UsherErrorTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let code: UsherError.Code
        let word: String
        let status: Int
        /// VERIFY with `optional` goes on in spite of it.
        var concernsToken = false
        var isOurs = false
        var testDescription: String { word }
    }

    /// The table of the contract, a row each.
    static let table = [
        Row(code: .invalidCredentials, word: "invalid_credentials", status: 401),
        Row(code: .otpRequired, word: "otp_required", status: 401),
        Row(code: .tokenRequired, word: "token_required", status: 401, concernsToken: true),
        Row(code: .tokenInvalid, word: "token_invalid", status: 401, concernsToken: true),
        Row(code: .tokenExpired, word: "token_expired", status: 401, concernsToken: true),
        Row(code: .tokenNotActive, word: "token_not_active", status: 401, concernsToken: true),
        Row(code: .tokenRevoked, word: "token_revoked", status: 401, concernsToken: true),
        Row(code: .refreshTokenReused, word: "refresh_token_reused", status: 401),
        Row(code: .insufficientRole, word: "insufficient_role", status: 403),
        Row(code: .insufficientPermission, word: "insufficient_permission", status: 403),
        Row(code: .accountDisabled, word: "account_disabled", status: 403),
        Row(code: .emailUnconfirmed, word: "email_unconfirmed", status: 403),
        Row(code: .accountExists, word: "account_exists", status: 409),
        Row(code: .weakPassword, word: "weak_password", status: 422),
        Row(code: .rateLimited, word: "rate_limited", status: 429),
        Row(code: .busy, word: "busy", status: 503),
        Row(code: .storeUnavailable, word: "store_unavailable", status: 503, isOurs: true),
        Row(code: .shuttingDown, word: "shutting_down", status: 503),
        Row(code: .badRequest, word: "bad_request", status: 400),
        Row(code: .unknownOp, word: "unknown_op", status: 400),
        Row(code: .missingField, word: "missing_field", status: 400),
        Row(code: .invalidField, word: "invalid_field", status: 422),
        Row(code: .lineTooLong, word: "line_too_long", status: 413),
        Row(code: .forbiddenOp, word: "forbidden_op", status: 403),
        Row(code: .internal, word: "internal", status: 500, isOurs: true),
    ]

    @Test(arguments: table)
    func code(_ row: Row) {
        #expect(row.code.rawValue == row.word)
        #expect(row.code.status == row.status)
        #expect(row.code.concernsToken == row.concernsToken)
        #expect(row.code.isOurs == row.isOurs)
        #expect(UsherError(row.code).message.hasSuffix("."))
    }

    @Test func `the table has every code once`() {
        #expect(Self.table.map(\.code) == UsherError.Code.allCases)
    }

    @Test func `the usual errors carry what they promise`() {
        #expect(UsherError.missingField("op").detail == .field("op"))
        #expect(UsherError.missingField("op").code == .missingField)
        #expect(UsherError.invalidField("ip", "An IP.") == UsherError(.invalidField, "An IP.", detail: .field("ip")))
        #expect(UsherError.busy.detail == .retryAfterMilliseconds(500))
        #expect(UsherError.storeUnavailable(cause: "gone").cause == "gone")
        #expect(UsherError.storeUnavailable(cause: "gone").message == UsherError(.storeUnavailable).message)
    }
}
