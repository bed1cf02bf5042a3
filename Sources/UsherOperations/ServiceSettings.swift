public import UsherModel
public import UsherToken

/// What of the settings operations work with; it is put in force as a whole.
public struct ServiceSettings {
    let tokens: TokenSettings
    let passwords: PasswordSettings
    let limits: Limits
    let issuer: TokenIssuer

    /// - Parameter issuer: made of the same `tokens`.
    public init(tokens: TokenSettings, passwords: PasswordSettings, limits: Limits, issuer: TokenIssuer) {
        self.tokens = tokens
        self.passwords = passwords
        self.limits = limits
        self.issuer = issuer
    }
}
