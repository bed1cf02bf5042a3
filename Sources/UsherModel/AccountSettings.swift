/// How accounts are confirmed and recovered.
public struct AccountSettings: Sendable, Equatable {
    /// Seconds. `[account] reset_expiry`.
    public var resetExpiry: Int64 = 30 * 60
    /// Seconds. `[account] confirmation_expiry`.
    public var confirmationExpiry: Int64 = 86_400
    /// Whether LOGIN lets in only whose email is confirmed. `[account] require_confirmed_email`.
    public var requireConfirmedEmail = false

    public init() {}

    /// How long a one-time token lasts, in seconds.
    public func expiry(of purpose: TokenPurpose) -> Int64 {
        switch purpose {
        case .reset: resetExpiry
        case .confirmation: confirmationExpiry
        }
    }
}
