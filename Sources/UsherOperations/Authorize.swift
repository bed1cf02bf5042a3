import UsherJSON
import UsherModel
import UsherToken

/// AUTHORIZE: whether the bearer of a token may do something.
enum Authorize {
    static let operation = Operation(
        name: "AUTHORIZE",
        summary: "Verify an access token and require roles or permissions of it.",
        members: [
            .init("token", "string: the token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
            .init("roles", "list of strings: any of them will do; this or \"permissions\" must be given"),
            .init("permissions", "list of strings: all of them are required"),
        ],
        example: #"{"op":"AUTHORIZE","token":"eyJhbGciOi...","roles":["admin","moderator"],"permissions":["post:edit"]}"#,
        event: .verify,
        run: .immediate { request, line, rights, service, writer throws(UsherError) in
            let audience = try request.tokenAudience(in: line, rights)
            let roles = try request.names("roles", in: line)
            let permissions = try request.names("permissions", in: line)
            guard roles != nil || permissions != nil else { throw .missingField("roles") }
            let token = try request.withToken(in: line) { text throws(UsherError) in
                try service.verify(text, audience: audience)
            }
            if let roles, !token.hasRole(among: roles) { throw UsherError(.insufficientRole, detail: .roles(roles)) }
            if let permissions {
                let lacking = token.lacking(permissions)
                guard lacking.isEmpty else { throw UsherError(.insufficientPermission, detail: .permissions(lacking)) }
            }
            writer.name("claims")
            token.writeClaims(to: &writer)
            service.issuer.recycle(token)
        })
}
