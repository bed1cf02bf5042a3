public import UsherModel
public import UsherToken

/// What of the settings operations work with; it is put in force as a whole.
public struct ServiceSettings {
    let tokens: TokenSettings
    let passwords: PasswordSettings
    /// Who judges new passwords, in the order in which they are asked.
    let quality: [any PasswordQuality]
    let accounts: AccountSettings
    let limits: Limits
    let rules: [Rule]
    let issuer: TokenIssuer

    /// - Parameter issuer: made of the same `tokens`.
    public init(
        tokens: TokenSettings, passwords: PasswordSettings, quality: [any PasswordQuality], accounts: AccountSettings,
        limits: Limits, rules: [Rule], issuer: TokenIssuer
    ) {
        self.tokens = tokens
        self.passwords = passwords
        self.quality = quality
        self.accounts = accounts
        self.limits = limits
        self.rules = rules
        self.issuer = issuer
    }
}
