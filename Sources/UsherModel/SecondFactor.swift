/// What an account asks for besides the password: a TOTP secret (RFC 6238), and the recovery codes that stand in for it.
public struct SecondFactor: Sendable, Equatable {
    /// The secret, as `SecretSeal` made it.
    public var sealedSecret: [UInt8]
    /// When it was put in force; nil for one that LOGIN does not ask for yet.
    public var confirmedAt: NumericDate?
    /// The time step of the last code that was accepted: no code of that one or of an earlier one is accepted again (RFC 6238 §5.2).
    public var lastStep: Int64
    /// The digests of the recovery codes that are left, each of `digestLength` bytes.
    public var recoveryCodes: [[UInt8]]
    /// Wrong codes since the last right one.
    public var failures: Int64
    /// Until when no further one is looked at, in milliseconds of service.
    public var blockedUntil: Int64

    /// Of a recovery code, in bytes.
    public static let digestLength = 32

    public var isInForce: Bool { confirmedAt != nil }

    public init(
        sealedSecret: [UInt8], confirmedAt: NumericDate? = nil, lastStep: Int64 = 0, recoveryCodes: [[UInt8]] = [],
        failures: Int64 = 0, blockedUntil: Int64 = 0
    ) {
        self.sealedSecret = sealedSecret
        self.confirmedAt = confirmedAt
        self.lastStep = lastStep
        self.recoveryCodes = recoveryCodes
        self.failures = failures
        self.blockedUntil = blockedUntil
    }
}

/// What came of a code that was given for a second factor.
public struct CodeOutcome: Sendable {
    /// What the second factor is to become, right or wrong: a code is used up, a failure is counted.
    public let factor: SecondFactor
    /// Nil where the code was right.
    public let refusal: UsherError?

    public init(_ factor: SecondFactor, refusal: UsherError? = nil) {
        self.factor = factor
        self.refusal = refusal
    }
}
