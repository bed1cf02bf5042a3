import Glibc
import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSystemd

/// A journal that stalls, fails or works as the test has it.
final class TestSink: EventSink {
    struct State: Sendable {
        var written: [Event] = []
        var entered = 0
        var isStuck = false
        var isAway = false
    }
    private let state: Mailbox<State>

    init(isStuck: Bool = false, isAway: Bool = false) {
        state = Mailbox(State(isStuck: isStuck, isAway: isAway))
    }

    func write(_ event: Event) -> Bool {
        // What becomes of it is decided at its entry, unless it is stuck: what is set after that is for the next one.
        let decided: Bool? = state.changeForAll { state in
            state.entered += 1
            return state.isStuck ? nil : state.isAway
        }
        let isAway = decided ?? state.wait { $0.isStuck ? nil : $0.isAway }
        if !isAway { state.changeForAll { $0.written.append(event) } }
        return !isAway
    }

    var written: [Event] { state.withLock { $0.written } }

    func set(isStuck: Bool = false, isAway: Bool = false) {
        state.changeForAll { ($0.isStuck, $0.isAway) = (isStuck, isAway) }
    }

    /// Blocks until `count` events have reached the sink.
    func waitForEntry(_ count: Int) { state.wait { $0.entered >= count ? () : nil } }

    /// - Returns: whether what was written came to be so, within a minute.
    func wait(until isRight: ([Event]) -> Bool) -> Bool {
        state.wait(atMost: 60_000) { isRight($0.written) ? true : nil } ?? false
    }

    func waitForWritten(_ count: Int) { state.wait { $0.written.count >= count ? () : nil } }
}

struct RealClock: Clock {
    func wallMilliseconds() -> Int64 { monotonicMilliseconds() }
    func monotonicMilliseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

@Suite(.timeLimit(.minutes(1))) struct JournalTests {
    private func event(_ number: Int, _ priority: Event.Priority = .info) -> Event { Event(.notice, priority, "event \(number)") }

    @Test("Everything is written, in its order, before close returns") func order() {
        let sink = TestSink()
        let journal = Journal(threshold: .info, capacity: 10_000, clock: ManualClock(), sink: sink)
        for number in 0..<5_000 { journal.record(event(number)) }
        #expect(journal.close(timeoutMilliseconds: 60_000))
        #expect(sink.written == (0..<5_000).map { event($0) })
        // Nothing is taken after that, and a second close does no harm.
        journal.record(event(5_000))
        #expect(journal.close(timeoutMilliseconds: 60_000))
        #expect(sink.written.count == 5_000)
    }

    @Test("Who watches is given what is written, summaries included, and nothing before or after") func watching() {
        let sink = TestSink()
        let clock = ManualClock()
        let journal = Journal(
            threshold: .info, capacity: 10, clock: clock, flood: Flood(burst: 1, window: 1_000), sink: sink)
        let seen = Lock<[String]>([])
        journal.record(event(1))
        #expect(sink.wait { $0.count == 1 })
        journal.watch { event in seen.withLock { $0.append(event.message) } }
        journal.record(event(2))
        journal.record(event(3, .debug))
        for _ in 0..<3 { journal.record(Event(.refused, .notice, "refused", result: "bad_request")) }
        #expect(sink.wait { $0.count == 3 })
        clock.advance(milliseconds: 2_000)
        journal.record(event(4))
        #expect(sink.wait { $0.count == 5 })
        journal.watch(nil)
        journal.record(event(5))
        journal.close(timeoutMilliseconds: 60_000)
        #expect(seen.withLock { $0 } == ["event 2", "refused", "... and 2 more like it in 2 s", "event 4"])
    }

    @Test("A writer that is stuck keeps nobody from watching what it has in hand") func watchingAStuckWriter() {
        let sink = TestSink(isStuck: true)
        let journal = Journal(threshold: .info, capacity: 10, clock: ManualClock(), sink: sink)
        let seen = Mailbox<[String]>([])
        journal.watch { event in seen.changeForAll { $0.append(event.message) } }
        journal.record(event(1))
        #expect(seen.wait(atMost: 10_000) { $0 == ["event 1"] ? true : nil } == true)
        sink.set()
        journal.close(timeoutMilliseconds: 60_000)
    }

    @Test("What is less important than the threshold is not logged") func threshold() {
        let sink = TestSink()
        let journal = Journal(threshold: .notice, capacity: 10, clock: ManualClock(), sink: sink)
        for (number, priority) in [Event.Priority.debug, .info, .notice, .warning, .error, .critical].enumerated() {
            journal.record(event(number, priority))
        }
        journal.close(timeoutMilliseconds: 60_000)
        #expect(sink.written.map(\.priority) == [.notice, .warning, .error, .critical])
    }

    @Test("A stuck writer: the queue keeps what it may, counts the rest, and says so afterwards") func bound() {
        let sink = TestSink(isStuck: true)
        let journal = Journal(threshold: .info, capacity: 4, clock: ManualClock(), sink: sink)
        journal.record(event(0))
        sink.waitForEntry(1)
        // One is in the writer's hand, so three more may wait.
        for number in 1...10 { journal.record(event(number)) }
        sink.set(isStuck: false)
        sink.waitForWritten(5)
        // Once it works again, it takes events again.
        journal.record(event(11))
        #expect(journal.close(timeoutMilliseconds: 60_000))

        let written = sink.written
        #expect(written.filter { $0.kind != .dropped } == [0, 1, 2, 3, 11].map { event($0) })
        let told = written.filter { $0.kind == .dropped }
        #expect(told.map(\.priority) == [.warning])
        #expect(told.first?.message.hasPrefix("7 events were dropped") == true)
        #expect(written.firstIndex { $0.kind == .dropped } == 4)
    }

    @Test("A journal that is away: what it did not take is counted and told when it is back") func away() {
        let sink = TestSink(isAway: true)
        let journal = Journal(threshold: .info, capacity: 100, clock: ManualClock(), sink: sink)
        journal.record(event(0))
        // The event, and the attempt to tell of its loss.
        sink.waitForEntry(2)
        journal.record(event(1))
        sink.waitForEntry(4)
        #expect(sink.written == [])
        sink.set(isAway: false)
        journal.record(event(2))
        sink.waitForWritten(2)
        // Told once.
        journal.record(event(3))
        #expect(journal.close(timeoutMilliseconds: 60_000))
        #expect(sink.written.map(\.message) == ["event 2", "2 events were lost: the journal did not take them", "event 3"])
    }

    @Test("A flood ends in one line with its number, though nothing comes after it, and nothing else is lost") func flood() {
        let clock = ManualClock()
        let sink = TestSink()
        // A window that is over at once: the thread wakes up for the summary by itself.
        let journal = Journal(
            threshold: .info, capacity: 100_000, clock: RealClock(), flood: Flood(burst: 3, window: 1), sink: sink)
        for number in 0..<100_000 { journal.record(refusal(number)) }
        #expect(sink.wait { $0.reduce(0) { $0 + ($1.count ?? 1) } == 100_000 })
        #expect(sink.written.contains { $0.kind == .repeated })
        journal.close(timeoutMilliseconds: 60_000)

        // At a shutdown it does not wait for its time.
        let last = TestSink()
        let closing = Journal(threshold: .info, capacity: 1_000, clock: clock, sink: last)
        for number in 0..<500 { closing.record(refusal(number)) }
        clock.advance(milliseconds: 1_500)
        for number in 0..<50 { closing.record(Event(.login, .info, "\(number)", op: "LOGIN", result: "ok")) }
        #expect(closing.close(timeoutMilliseconds: 60_000))
        #expect(last.written.count { $0.result == "ok" } == 50)
        #expect(last.written.filter { $0.kind == .repeated }.map(\.message) == ["... and 480 more like it in 2 s"])
        #expect(last.written.count == 20 + 50 + 1)
    }

    private func refusal(_ number: Int) -> Event {
        Event(
            .login, .notice, "\(number)", op: "LOGIN", result: "invalid_credentials",
            peer: Peer(uid: 33, gid: 33, pid: Int32(number)))
    }

    @Test("close gives up on a writer that stays stuck") func stuckClose() {
        let sink = TestSink(isStuck: true)
        let journal = Journal(threshold: .info, capacity: 100, clock: ManualClock(), sink: sink)
        for number in 0..<10 { journal.record(event(number)) }
        sink.waitForEntry(1)
        #expect(!journal.close(timeoutMilliseconds: 20))
        // When the writer comes free after all, it ends: nobody waits for the rest.
        sink.set(isStuck: false)
        #expect(!journal.close(timeoutMilliseconds: 60_000))
        #expect(sink.written == [event(0)])
    }

    @Test("From several threads at once, each event once") func threads() {
        let sink = TestSink()
        let journal = Journal(threshold: .info, capacity: 10_000, clock: ManualClock(), sink: sink)
        let threads = (0..<4).map { thread in
            Thread(name: "recorder") { for number in 0..<1_000 { journal.record(Event(.notice, .info, "\(thread) \(number)")) } }
        }
        for thread in threads { thread.join() }
        #expect(journal.close(timeoutMilliseconds: 60_000))
        #expect(Set(sink.written.map(\.message)).count == 4_000)
        #expect(sink.written.count == 4_000)
    }
}
