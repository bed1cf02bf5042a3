import UsherJSON
import UsherModel

/// STATUS: what the daemon is doing, and what it has done since the start.
enum ServerStatus {
    static let operation = Operation(
        name: "STATUS",
        summary: "Tell what the daemon is doing, and count what it was asked since the start.",
        members: [],
        example: #"{"op":"STATUS"}"#,
        event: nil, place: .admin,
        run: .immediate { _, _, _, service, writer throws(UsherError) in
            let gauges = Gauges(of: service)
            writer.member("server", "usherd")
            writer.member("version", service.version)
            writer.member("started_at", gauges.startedAt)
            writer.member("uptime", gauges.uptime)
            gauges.write(to: &writer, service.limits, at: service.clock.monotonicMilliseconds())
            writer.name("latency_bounds_ns")
            writer.openArray()
            for bound in Latency.bounds { writer.value(bound) }
            writer.closeArray()
            writer.name("operations")
            writer.openArray()
            for line in service.tally.lines where line.requests > 0 { line.write(to: &writer) }
            writer.closeArray()
        })
}

extension Gauges {
    fileprivate func write(to writer: inout JSONWriter, _ limits: Limits, at now: Int64) {
        writer.member("connections", Int64(connections))
        writer.member("max_connections", Int64(limits.connections))
        writer.member("accepted", Int64(accepted))
        writer.member("turned_away", Int64(turnedAway))
        writer.member("watching", Int64(watching))
        writer.member("in_flight", Int64(inFlight))
        writer.member("verified", Int64(verified))
        writer.member("revocations", Int64(revocations))
        writer.member("unsettled_revocations", Int64(unsettled))
        writer.member("throttle_buckets", Int64(throttleBuckets))
        writer.name("hashing")
        writer.openObject()
        writer.member("workers", Int64(hashing.workers))
        writer.member("busy", Int64(hashing.busy))
        writer.member("queue", Int64(hashing.waiting))
        writer.member("max_queue", Int64(limits.hashQueue))
        writer.closeObject()
        writer.name("store")
        writer.openObject()
        switch storeHealth {
        case .working: writer.member("health", "working")
        case .stalled(let since):
            writer.member("health", "stalled")
            writer.member("stalled_for", max(now - since, 0) / 1000)
        case .unavailable(let cause):
            writer.member("health", "unavailable")
            writer.member("cause", cause)
        }
        writer.member("queue", Int64(storeQueue))
        writer.member("max_queue", Int64(limits.storeQueue))
        writer.closeObject()
    }
}

extension Tally.Line {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.openObject()
        writer.member("op", name)
        writer.member("requests", requests)
        writer.name("results")
        writer.openObject()
        for (name, count) in results { writer.member(any: name, count) }
        writer.closeObject()
        writer.member("timed", Int64(times.count))
        writer.member("time_ns", times.sum)
        writer.name("latency")
        writer.openArray()
        for count in times.steps { writer.value(count) }
        writer.closeArray()
        writer.closeObject()
    }
}
