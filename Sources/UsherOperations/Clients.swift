import UsherJSON
import UsherModel

/// CLIENTS: who is connected, page by page.
enum Clients {
    /// Connections of a page, unless it is asked for more or fewer.
    private static let usualPage = 100

    static let operation = Operation(
        name: "CLIENTS",
        summary: "List the connections, a page at a time.",
        members: [
            .init("after", "integer, optional: the \"after\" of the page before; without it, the first page"),
            .init("limit", "integer, optional: how many connections at most, 1 to \(Limits.clients); \(usualPage) by default"),
        ],
        example: #"{"op":"CLIENTS"}"#,
        event: nil, place: .admin,
        run: .immediate { request, line, _, service, writer throws(UsherError) in
            let after = try request.integer("after", in: line, 0...Int64(Int32.max)) ?? -1
            let limit = try request.integer("limit", in: line, 1...Int64(Limits.clients)) ?? Int64(usualPage)
            let page = service.connections?.page(after: Int(after), most: Int(limit))
            let now = service.clock.monotonicMilliseconds()
            writer.name("clients")
            writer.openArray()
            for connection in page?.connections ?? [] { connection.write(to: &writer, at: now) }
            writer.closeArray()
            writer.name("after")
            if let next = page?.next { writer.value(Int64(next)) } else { writer.null() }
        })
}

extension OpenConnection {
    fileprivate func write(to writer: inout JSONWriter, at now: Int64) {
        writer.openObject()
        writer.member("pid", Int64(caller.peer.pid))
        writer.member("uid", Int64(caller.peer.uid))
        writer.member("gid", Int64(caller.peer.gid))
        writer.member("socket", socket)
        writer.member("age", max(now - since, 0) / 1000)
        writer.member("requests", Int64(requests))
        writer.member("in_flight", Int64(inFlight))
        writer.member("watching", isWatching)
        writer.closeObject()
    }
}
