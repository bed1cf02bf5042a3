import Testing
import UsherHarness
import UsherModel
import UsherTesting

@testable import UsherOperations

struct MetricsTests {
    private let harness = Harness(place: .admin)

    private func lines() async -> [String] {
        (await harness.ask("METRICS", [:]).string("metrics") ?? "").split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    @Test func countsAreTold() async {
        let token = await harness.register().accessToken
        _ = await harness.verify(token)
        _ = await harness.verify("x")
        let lines = await lines()
        for line in [
            #"usher_build_info{version="0.0.1-test"} 1"#, "process_start_time_seconds \(harness.now)",
            #"usher_requests_total{op="REGISTER",result="ok"} 1"#, #"usher_requests_total{op="VERIFY",result="ok"} 1"#,
            #"usher_requests_total{op="VERIFY",result="token_invalid"} 1"#, #"usher_requests_total{op="LOGIN",result="ok"} 0"#,
            "usher_tokens_verified_total 1", "usher_store_up 1", "usher_connections 0",
        ] { #expect(lines.contains(line), "\(line)") }
        #expect(lines.last == "")
    }

    @Test func aHistogramIsCumulative() async {
        for delay in [1, 30, 70_000] {
            harness.store.before(.lookUp) { [clock = harness.clock] () throws(UsherError) in
                clock.advance(milliseconds: Int64(delay))
            }
            _ = await harness.login()
        }
        let name = "usher_request_duration_seconds"
        let lines = await lines().filter { $0.hasPrefix(name) && $0.contains("LOGIN") }
        let buckets = lines.filter { $0.hasPrefix("\(name)_bucket") }
        #expect(buckets.count == Latency.bounds.count + 1)
        #expect(buckets.first == #"\#(name)_bucket{op="LOGIN",le="5e-07"} 0"#)
        #expect(buckets.contains(#"\#(name)_bucket{op="LOGIN",le="0.001"} 1"#))
        #expect(buckets.contains(#"\#(name)_bucket{op="LOGIN",le="0.02"} 1"#))
        #expect(buckets.contains(#"\#(name)_bucket{op="LOGIN",le="0.05"} 2"#))
        #expect(buckets.contains(#"\#(name)_bucket{op="LOGIN",le="20.0"} 2"#))
        #expect(buckets.last == #"\#(name)_bucket{op="LOGIN",le="+Inf"} 3"#)
        #expect(lines.suffix(2) == [#"\#(name)_sum{op="LOGIN"} 70.031"#, #"\#(name)_count{op="LOGIN"} 3"#])
    }

    @Test func aStoreThatFailsIsDown() async {
        harness.store.set(health: .unavailable(cause: "x"))
        #expect(await lines().contains("usher_store_up 0"))
    }

    @Test func valuesOfLabelsAreEscaped() {
        var text = PrometheusText()
        text.gauge("a", "b", 1, [("c", "\"d\\e\nf")])
        #expect(text.text == "# HELP a b\n# TYPE a gauge\na{c=\"\\\"d\\\\e\\nf\"} 1\n")
    }
}
