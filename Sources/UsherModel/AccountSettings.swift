/// How accounts are confirmed and recovered, and what users may do with theirs.
public struct AccountSettings: Sendable, Equatable {
    /// Seconds. `[account] reset_expiry`.
    public var resetExpiry: Int64 = 30 * 60
    /// Seconds. `[account] confirmation_expiry`.
    public var confirmationExpiry: Int64 = 86_400
    /// Whether LOGIN lets in only whose email is confirmed. `[account] require_confirmed_email`.
    public var requireConfirmedEmail = false
    /// The custom claims that users may set themselves, by PROFILE. `[account] profile_claims`.
    public var profileClaims: [String] = []

    public init() {}

    /// How long a one-time token lasts, in seconds.
    public func expiry(of purpose: TokenPurpose) -> Int64 {
        switch purpose {
        case .reset: resetExpiry
        case .confirmation: confirmationExpiry
        }
    }
}
