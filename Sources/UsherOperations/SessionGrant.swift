import UsherJSON
import UsherModel
import UsherToken

/// What REGISTER, LOGIN and REFRESH hand out: the user, and a pair of tokens (RFC 6749 §5.1).
struct SessionGrant: Output {
    let user: User
    let accessToken: String
    let refreshToken: String
    /// Seconds.
    let expiresIn: Int64
    let refreshExpiresIn: Int64

    func write(to writer: inout JSONWriter) {
        writer.name("user")
        user.write(to: &writer)
        writer.name("access_token")
        writer.plain(accessToken.utf8.span)
        writer.name("refresh_token")
        writer.plain(refreshToken.utf8.span)
        writer.member("token_type", "Bearer")
        writer.member("expires_in", expiresIn)
        writer.member("refresh_expires_in", refreshExpiresIn)
    }
}

extension AuthService {
    /// A session that begins now, not stored yet.
    func newSession(of user: UserID, audience: String, client: Client) -> Session {
        let now = clock.now()
        let endsAt = now + tokens.sessionMaxAge
        return Session(
            id: SessionID(newID()), user: user, audience: audience, rotatedAt: now,
            seed: SharedSecret(random.secret(count: 32)), expiresAt: min(now + tokens.refreshExpiry, endsAt), endsAt: endsAt,
            accessUntil: tokens.accessUntil(now, endsAt: endsAt), createdAt: now, client: client)
    }

    /// The tokens of a session as it stands in the store.
    /// - Parameter now: what the session's dates were reckoned from.
    /// - Throws: `internal` if the user's claims make the access token too long.
    func grant(_ session: Session, to user: User, at now: NumericDate) throws(UsherError) -> SessionGrant {
        // It never outlives its session, nor what the store knows to be the last `exp` issued for it.
        let user = roles.granted(to: user)
        let expiresAt = min(now + tokens.accessExpiry, session.expiresAt, session.accessUntil)
        return SessionGrant(
            user: user,
            accessToken: try issuer.accessToken(
                id: newID(), user: user, session: session.id, audience: session.audience, issuedAt: now, expiresAt: expiresAt,
                rolesVersion: roles.version),
            refreshToken: issuer.refreshToken(of: session, issuedAt: now), expiresIn: expiresAt - now,
            refreshExpiresIn: session.expiresAt - now)
    }

    func newID() -> UUIDv7 { UUIDv7(clock: clock, random: random) }
}

extension TokenSettings {
    /// The last `exp` of a token that a rotation at `now` leads to: the grace window may hand out one as long as it lasts.
    func accessUntil(_ now: NumericDate, endsAt: NumericDate) -> NumericDate {
        min(now + refreshGrace + accessExpiry, endsAt)
    }
}

extension User {
    func write(to writer: inout JSONWriter) {
        writer.openObject()
        writeMembers(to: &writer)
        writer.closeObject()
    }

    func writeMembers(to writer: inout JSONWriter) {
        writer.member("id", id.uuid)
        writer.member("username", username.text)
        writer.member("email", email.text)
        writer.member("role", role)
        writer.member("permissions", permissions.map(\.text))
        writer.name("claims")
        writer.rawOnOneLine(claims.utf8.span)
        writer.member("email_verified", emailVerified)
        writer.member("created_at", createdAt)
        writer.name("last_login_at")
        if let lastLoginAt { writer.value(lastLoginAt) } else { writer.null() }
    }
}
