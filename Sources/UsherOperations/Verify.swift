import UsherJSON
import UsherModel
import UsherToken

/// VERIFY: what a token says, if it may be believed.
enum Verify {
    static let operation = Operation(
        name: "VERIFY",
        summary: "Verify an access token and return its claims.",
        members: [
            .init("token", "string: the token, or give \"authorization\""),
            .init("authorization", "string: a whole Authorization header value"),
            .init("audience", "string, optional: whom the token must be for"),
            .init("optional", "boolean, optional: a missing or failing token is answered with claims null and a reason"),
        ],
        example: #"{"op":"VERIFY","authorization":"Bearer eyJhbGciOi..."}"#,
        event: .verify,
        run: .immediate { request, line, rights, service, writer throws(UsherError) in
            let audience = try request.tokenAudience(in: line, rights)
            guard try request.bool("optional", in: line) else {
                try writeClaims(request, line, audience, service, &writer)
                return
            }
            do throws(UsherError) {
                try writeClaims(request, line, audience, service, &writer)
            } catch {
                guard error.code.concernsToken else { throw error }
                writer.name("claims")
                writer.null()
                writer.member("reason", error.code.rawValue)
            }
        })

    /// Writes nothing unless the token may be believed.
    private static func writeClaims(
        _ request: borrowing JSONReader, _ line: Span<UInt8>, _ audience: [UInt8]?, _ service: AuthService,
        _ writer: inout JSONWriter
    ) throws(UsherError) {
        let token = try request.withToken(in: line) { text throws(UsherError) in
            try service.verify(text, audience: audience)
        }
        writer.name("claims")
        token.writeClaims(to: &writer)
        service.issuer.recycle(token)
    }
}
