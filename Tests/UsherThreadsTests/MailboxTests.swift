import Testing
import UsherThreads

@Suite struct MailboxTests {
    @Test func `what is there already is given at once`() {
        let mailbox = Mailbox([7])
        #expect(mailbox.wait { $0.popLast() } == 7)
        #expect(mailbox.wait(atMost: 0) { $0.isEmpty ? "empty" : nil } == "empty")
    }

    @Test(arguments: [0, 1, 20, -1, -999, -1_500, Int64.min] as [Int64])
    func `a bounded wait for nothing ends`(_ milliseconds: Int64) {
        #expect(Mailbox(0).wait(atMost: milliseconds) { $0 == 1 ? true : nil } == nil)
    }

    @Test func `the state is looked at once more when time is up`() {
        // The first look says no. Nobody signals: what the second look finds is found at the deadline.
        var looks = 0
        let found = Mailbox(0).wait(atMost: 5) { _ in
            looks += 1
            return looks > 1 ? looks : nil
        }
        #expect(found != nil)
    }

    @Test(arguments: [60_000, 86_400_000 * 365, Int64.max] as [Int64])
    func `a bounded wait is ended by a change`(_ milliseconds: Int64) {
        let mailbox = Mailbox(0)
        let thread = Thread(name: "changer") { mailbox.change { $0 = 1 } }
        #expect(mailbox.wait(atMost: milliseconds) { $0 == 1 ? "changed" : nil } == "changed")
        thread.join()
    }

    @Test func `a change wakes a thread that waits`() {
        let requests = Mailbox<[Int]>([])
        let replies = Mailbox<[Int]>([])
        let thread = Thread(name: "echo") {
            while true {
                let request = requests.wait { $0.isEmpty ? nil : $0.removeFirst() }
                if request < 0 { return }
                replies.change { $0.append(request * 2) }
            }
        }
        // Each round both sides have gone to sleep and are woken.
        for number in 0..<2_000 {
            requests.change { $0.append(number) }
            #expect(replies.wait { $0.popLast() } == number * 2)
        }
        requests.change { $0.append(-1) }
        thread.join()
    }

    @Test func `every waiting thread is woken by a change for all`() {
        struct Gate: Sendable {
            var waiting = 0
            var isOpen = false
            var passed = 0
        }
        let gate = Mailbox(Gate())
        let threads = (0..<8).map { number in
            Thread(name: "gate-\(number)") {
                gate.changeForAll { $0.waiting += 1 }
                let passed: Bool = gate.wait { $0.isOpen ? true : nil }
                gate.withLock { $0.passed += passed ? 1 : 0 }
            }
        }
        gate.wait { $0.waiting == 8 ? () : nil }
        #expect(gate.withLock { $0.passed } == 0)
        gate.changeForAll { $0.isOpen = true }
        for thread in threads { thread.join() }
        #expect(gate.withLock { $0.passed } == 8)
    }

    @Test func `many producers and consumers lose and double nothing`() {
        enum Next: Sendable {
            case item(Int)
            case end
        }
        struct Work: Sendable {
            var queue: [Int] = []
            var isClosed = false

            mutating func next() -> Next? {
                if queue.isEmpty { return isClosed ? .end : nil }
                return .item(queue.removeFirst())
            }
        }
        let work = Mailbox(Work())
        let done = Lock<[Int]>([])
        let consumers = (0..<4).map { number in
            Thread(name: "consumer-\(number)") {
                var mine: [Int] = []
                while true {
                    // Some waits are bounded, and run out now and then: an item must not be lost with them.
                    let next = number.isMultiple(of: 2) ? work.wait { $0.next() } : work.wait(atMost: 1) { $0.next() }
                    switch next {
                    case .item(let item): mine.append(item)
                    case .end:
                        done.withLock { $0 += mine }
                        return
                    case nil: continue
                    }
                }
            }
        }
        let producers = (0..<4).map { number in
            Thread(name: "producer-\(number)") {
                for item in 0..<2_500 { work.change { $0.queue.append(number * 2_500 + item) } }
            }
        }
        for thread in producers { thread.join() }
        work.changeForAll { $0.isClosed = true }
        for thread in consumers { thread.join() }
        #expect(done.withLock { $0 }.sorted() == Array(0..<10_000))
    }

    @Test func `an error passes through a change and leaves it open`() {
        struct Refusal: Error {}
        let mailbox = Mailbox(0)
        #expect(throws: Refusal.self) {
            try mailbox.change { state throws(Refusal) in
                state = 1
                throw Refusal()
            }
        }
        #expect(mailbox.wait { $0 == 1 ? true : nil })
    }
}
