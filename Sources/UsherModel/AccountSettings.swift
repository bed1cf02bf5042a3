/// What users may do with their accounts.
public struct AccountSettings: Sendable, Equatable {
    /// The custom claims that users may set themselves, by PROFILE. `[account] profile_claims`.
    public var profileClaims: [String] = []

    public init() {}
}
