/// The one error type: what the client is told, and, apart from it, the cause for the journal.
public struct UsherError: Error, Sendable, Equatable {
    public let code: Code
    /// A sentence for people. Holds nothing secret and nothing that tells whether an account exists.
    public let message: String
    public let detail: Detail
    /// What went wrong underneath, for the journal alone. Never sent.
    public let cause: String?

    public init(_ code: Code, _ message: String? = nil, detail: Detail = .none, cause: String? = nil) {
        self.code = code
        self.message = message ?? code.usualMessage
        self.detail = detail
        self.cause = cause
    }

    /// The stable word in a reply's `error` member.
    public enum Code: String, Sendable, CaseIterable {
        // Denied.
        case invalidCredentials = "invalid_credentials"
        case otpRequired = "otp_required"
        case tokenRequired = "token_required"
        case tokenInvalid = "token_invalid"
        case tokenExpired = "token_expired"
        case tokenNotActive = "token_not_active"
        case tokenRevoked = "token_revoked"
        case refreshTokenReused = "refresh_token_reused"
        case insufficientRole = "insufficient_role"
        case insufficientPermission = "insufficient_permission"
        case accountDisabled = "account_disabled"
        case emailUnconfirmed = "email_unconfirmed"
        case accountExists = "account_exists"
        case weakPassword = "weak_password"
        case rateLimited = "rate_limited"
        // Retry later.
        case busy
        case storeUnavailable = "store_unavailable"
        case shuttingDown = "shutting_down"
        // The caller's mistake.
        case badRequest = "bad_request"
        case unknownOp = "unknown_op"
        case missingField = "missing_field"
        case invalidField = "invalid_field"
        case lineTooLong = "line_too_long"
        case forbiddenOp = "forbidden_op"
        // Ours.
        case `internal`
    }

    /// What a code carries besides its message.
    public enum Detail: Sendable, Equatable {
        case none
        /// The request member concerned.
        case field(String)
        /// The line of an imported file, from 1, and the member concerned.
        case line(Int, field: String)
        /// The first byte of the line, from 0, that cannot stand where it stands.
        case offset(Int)
        case expiredAt(NumericDate)
        case activeAt(NumericDate)
        /// The roles any of which would have done.
        case roles([String])
        /// The permissions that lack.
        case permissions([String])
        /// Why a password is refused, in a word.
        case reason(String)
        /// Seconds until the next attempt.
        case retryAfter(Int)
        /// Milliseconds until the next attempt.
        case retryAfterMilliseconds(Int)
        /// What completes a login together with a code, and for how many seconds.
        case challenge(String, expiresIn: Int64)
        /// What the journal has beside the cause.
        case reference(String)
    }

    public static func missingField(_ field: String) -> UsherError {
        UsherError(.missingField, "The member \"\(field)\" is missing.", detail: .field(field))
    }

    /// - Parameter rule: what a right value is, as a whole sentence.
    public static func invalidField(_ field: String, _ rule: String) -> UsherError {
        UsherError(.invalidField, rule, detail: .field(field))
    }

    /// How long a client that met a full queue is asked to wait.
    public static let busy = UsherError(.busy, detail: .retryAfterMilliseconds(500))

    public static func storeUnavailable(cause: String) -> UsherError {
        UsherError(.storeUnavailable, cause: cause)
    }
}

extension UsherError.Code {
    /// The HTTP status that a web app would answer with.
    public var status: Int {
        switch self {
        case .badRequest, .unknownOp, .missingField: 400
        case .invalidCredentials, .otpRequired, .tokenRequired, .tokenInvalid, .tokenExpired, .tokenNotActive, .tokenRevoked,
            .refreshTokenReused:
            401
        case .insufficientRole, .insufficientPermission, .accountDisabled, .emailUnconfirmed, .forbiddenOp: 403
        case .accountExists: 409
        case .lineTooLong: 413
        case .weakPassword, .invalidField: 422
        case .rateLimited: 429
        case .internal: 500
        case .busy, .storeUnavailable, .shuttingDown: 503
        }
    }

    /// Whether this says something of the token asked about, so that optional authentication goes on without it.
    public var concernsToken: Bool {
        switch self {
        case .tokenRequired, .tokenInvalid, .tokenExpired, .tokenNotActive, .tokenRevoked: true
        case .invalidCredentials, .otpRequired, .refreshTokenReused, .insufficientRole, .insufficientPermission,
            .accountDisabled, .emailUnconfirmed, .accountExists, .weakPassword, .rateLimited, .busy, .storeUnavailable,
            .shuttingDown, .badRequest,
            .unknownOp,
            .missingField, .invalidField, .lineTooLong, .forbiddenOp, .internal:
            false
        }
    }

    /// Whether the fault is the daemon's or its machine's, not the caller's.
    public var isOurs: Bool {
        switch self {
        case .storeUnavailable, .internal: true
        case .invalidCredentials, .otpRequired, .tokenRequired, .tokenInvalid, .tokenExpired, .tokenNotActive, .tokenRevoked,
            .refreshTokenReused, .insufficientRole, .insufficientPermission, .accountDisabled, .emailUnconfirmed, .accountExists,
            .weakPassword, .rateLimited, .busy, .shuttingDown, .badRequest, .unknownOp, .missingField, .invalidField,
            .lineTooLong, .forbiddenOp:
            false
        }
    }

    fileprivate var usualMessage: String {
        switch self {
        case .invalidCredentials: "The name or the password is wrong."
        case .otpRequired: "The password is right; a code of the second factor is required as well."
        case .tokenRequired: "A token is required."
        case .tokenInvalid: "The token is not valid."
        case .tokenExpired: "The token has expired."
        case .tokenNotActive: "The token is not active yet."
        case .tokenRevoked: "The token has been revoked."
        case .refreshTokenReused: "The refresh token was used before; its session has been ended."
        case .insufficientRole: "The role is not sufficient."
        case .insufficientPermission: "A permission lacks."
        case .accountDisabled: "The account is disabled."
        case .emailUnconfirmed: "The email has not been confirmed yet."
        case .accountExists: "The account exists already."
        case .weakPassword: "The password is not acceptable."
        case .rateLimited: "There were too many attempts."
        case .busy: "The daemon is busy; try again."
        case .storeUnavailable: "The store cannot be reached; try again."
        case .shuttingDown: "The daemon is shutting down; connect again."
        case .badRequest: "The request cannot be read."
        case .unknownOp: "There is no such operation; HELP lists them."
        case .missingField: "A member is missing."
        case .invalidField: "A member has a wrong value."
        case .lineTooLong: "The line is too long."
        case .forbiddenOp: "This operation is not allowed here."
        case .internal: "Something went wrong in the daemon."
        }
    }
}

/// Why the daemon does not start: a sentence that says what is wrong, where, and, if it can be said, what to do.
public struct StartFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
