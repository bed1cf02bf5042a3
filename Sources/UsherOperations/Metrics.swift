import UsherJSON
import UsherModel

/// METRICS: what STATUS tells, for Prometheus.
enum Metrics {
    static let operation = Operation(
        name: "METRICS",
        summary: "Tell the same as STATUS as Prometheus reads it.",
        members: [],
        example: #"{"op":"METRICS"}"#,
        event: nil, place: .admin,
        run: .immediate { _, _, _, service, writer throws(UsherError) in
            writer.member("metrics", text(of: service))
        })

    private static func text(of service: AuthService) -> String {
        let gauges = Gauges(of: service)
        var text = PrometheusText()
        text.gauge("usher_build_info", "The daemon's version, as a label of 1.", 1, [("version", service.version)])
        text.gauge("process_start_time_seconds", "When the daemon started, in seconds since 1970.", gauges.startedAt)
        text.gauge("usher_connections", "Connections that are open.", gauges.connections)
        text.counter("usher_connections_accepted_total", "Connections that were taken up.", gauges.accepted)
        text.counter("usher_connections_turned_away_total", "Connections that were turned away.", gauges.turnedAway)
        text.gauge("usher_watchers", "Connections that watch events.", gauges.watching)
        text.gauge("usher_requests_in_flight", "Requests that wait for the hash pool or the store.", gauges.inFlight)
        text.counter("usher_tokens_verified_total", "Tokens that VERIFY and AUTHORIZE found good.", gauges.verified)
        text.gauge("usher_hash_workers", "Passwords that can be hashed at once.", gauges.hashing.workers)
        text.gauge("usher_hash_workers_busy", "Passwords that are being hashed.", gauges.hashing.busy)
        text.gauge("usher_hash_queue_length", "Passwords that wait to be hashed.", gauges.hashing.waiting)
        text.gauge("usher_store_up", "1 while the store works, 0 while its calls fail or stall.", gauges.isStoreUp ? 1 : 0)
        text.gauge("usher_store_queue_length", "Calls that wait for the store.", gauges.storeQueue)
        text.gauge("usher_revocations", "Revocations in force.", gauges.revocations)
        text.gauge("usher_revocations_unsettled", "Revocations that are not in the store yet.", gauges.unsettled)
        text.gauge("usher_throttle_buckets", "Counts of attempts that are kept.", gauges.throttleBuckets)
        let lines = service.tally.lines
        text.family("usher_requests_total", .counter, "Requests, by operation and result.")
        for line in lines {
            for (result, count) in line.results {
                text.sample("usher_requests_total", [("op", line.name), ("result", result)], String(count))
            }
        }
        text.family(
            "usher_request_duration_seconds", .histogram,
            "How long requests took; of operations that are answered at once, one request of \(Limits.timedRequests).")
        for line in lines where line.times.count > 0 {
            text.histogram("usher_request_duration_seconds", ("op", line.name), line.times)
        }
        return text.text
    }
}

extension Gauges {
    fileprivate var isStoreUp: Bool {
        switch storeHealth {
        case .working: true
        case .stalled, .unavailable: false
        }
    }
}
