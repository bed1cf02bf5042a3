import CEpoll
import Glibc
import UsherJSON
import UsherModel
import UsherOperations
import UsherWire

/// The connections, and all that happens on them at once: reading, cutting into lines, answering, writing. It knows no tasks: a request that
/// takes longer comes out as `started`, and its reply comes back by `complete`, which only puts the connection in the queue for a turn: no
/// chain of requests takes more than its turns.
struct Engine: ~Copyable {
    let epoll: Int32
    let service: AuthService
    private(set) var limits: Limits
    private(set) var rules: Rules
    private var dispatcher = Dispatcher()
    var connections = ConnectionTable()

    /// Where those that have their turn together are read to, as long as they have nothing left over from before.
    let scratch = (0..<Limits.turnsTogether).map { _ in LineBuffer(capacity: Limits.bytesPerTurn) }
    /// Replies on their way out, connection after connection: they are sent together, so that a client that waits for several is woken once.
    private var replies = JSONWriter()
    /// Connections that wait for a turn.
    private var backlog: [Connection] = []
    /// Those that have theirs.
    private var turns: [Connection] = []
    /// The connections that had a turn since the last `flush`, and where their replies are.
    private var turned: [(connection: Connection, replies: Range<Int>)] = []
    /// Where the replies of the connection begin whose turn it is.
    private var turnStart = 0
    /// Requests to be carried out, for the reactor to take.
    private var started: [(ConnectionID, Caller, PendingRequest)] = []

    init(epoll: Int32, service: AuthService) {
        self.epoll = epoll
        self.service = service
        limits = service.limits
        rules = Rules(service.rules, at: service.clock.monotonicMilliseconds())
        service.connections = connections.list
    }

    var connectionCount: Int { connections.count }

    /// Takes over the service's limits and rules, which are others by now. A connection that has more than it may goes on when it has less.
    mutating func adoptSettings() {
        limits = service.limits
        rules = Rules(service.rules, at: service.clock.monotonicMilliseconds())
        for connection in connections.all {
            guard let rights = rules.rights(of: connection.caller, by: connection.id.descriptor, on: connection.socket) else {
                drop(connection)
                continue
            }
            connection.adopt(rights)
        }
    }

    // MARK: Events

    /// What epoll says of a connection.
    mutating func event(_ data: UInt64, _ flags: UInt32) {
        guard let connection = connections.find(ConnectionID(eventData: data)) else { return }
        if flags & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLPRI.rawValue) != 0 {
            connection.isReadToEnd = true
        }
        if connection.isReadToEnd || flags & EPOLLIN.rawValue != 0 { connection.isReadable = true }
        if flags & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
            // The client is gone. What it sent before is carried out, unless it has to wait: nobody waits for the reply.
            connection.caller.leave()
            if !connection.mayRead(limits) { return drop(connection) }
        }
        if flags & EPOLLOUT.rawValue != 0, !connection.outbox.flush(to: connection.id.descriptor) { return drop(connection) }
        enqueue(connection)
    }

    /// Whether some connection waits for its turn and not for anything else.
    var hasBacklog: Bool { !backlog.isEmpty }

    /// Gives each connection of the backlog a turn.
    mutating func takeTurns() {
        swap(&turns, &backlog)
        for first in stride(from: 0, to: turns.count, by: Limits.turnsTogether) {
            let together = first..<min(first + Limits.turnsTogether, turns.count)
            for index in together { read(turns[index], scratch[index - first]) }
            for index in together { turn(turns[index], scratch[index - first]) }
        }
        turns.removeAll(keepingCapacity: true)
        flush()
    }

    /// The reply to a request that was `started`.
    mutating func complete(_ id: ConnectionID, _ reply: [UInt8], wasOrdered: Bool) {
        guard let connection = connections.find(id) else { return }
        connection.inFlight -= 1
        connection.outbox.append(reply)
        if wasOrdered { connection.isOrderedBusy = false }
        enqueue(connection)
    }

    mutating func enqueue(_ connection: Connection) {
        guard !connection.isQueued else { return }
        connection.isQueued = true
        backlog.append(connection)
    }

    var hasStarted: Bool { !started.isEmpty }

    /// Hands out what is to be started.
    mutating func takeStarted() -> [(ConnectionID, Caller, PendingRequest)] {
        defer { started.removeAll(keepingCapacity: true) }
        return started
    }

    // MARK: A turn

    /// The first half of a connection's turn: one read, if nothing that came before it waits.
    private mutating func read(_ connection: Connection, _ scratch: LineBuffer) {
        connection.isQueued = false
        guard connection.isOpen, !connection.mayRunHeld, connection.mayRead(limits) else { return }
        let input = connection.input ?? scratch
        switch input.receive(connection.id.descriptor, most: Limits.bytesPerTurn) {
        case .bytes(let count):
            // What comes after a read that took all there was is told by an event of its own.
            connection.isReadable = count == Limits.bytesPerTurn || connection.isReadToEnd
            connection.hasBacklog = true
        case .nothing: connection.isReadable = false
        case .end: connection.hasEnded = true
        case .failed: drop(connection)
        }
    }

    /// The second half: at most `linesPerTurn` lines.
    private mutating func turn(_ connection: Connection, _ scratch: LineBuffer) {
        guard connection.isOpen else { return scratch.clear() }
        var lines = 0
        turnStart = replies.count
        if connection.mayRunHeld {
            runHeld(connection, &lines)
            // Not in the next turn: a client that is gone has none.
            read(connection, scratch)
            guard connection.isOpen else { return }
        }
        let input = connection.input ?? scratch
        if connection.hasBacklog { proceed(connection, input, &lines) }
        if connection.hasEnded, !connection.hasBacklog, !connection.hasTakenRest {
            takeRest(connection, input)
        }
        keep(input, for: connection)
        turned.append((connection, turnStart..<replies.count))
        if replies.count > Limits.repliesTogether { flush() }
    }

    /// Sends what the turns wrote.
    mutating func flush() {
        guard !turned.isEmpty else { return }
        for (connection, range) in turned where connection.isOpen { settle(connection, range) }
        turned.removeAll(keepingCapacity: true)
        replies.removeAll(keepingCapacity: replies.count <= Limits.repliesTogether + Limits.unsentReplies)
    }

    /// Carries out whole lines until there are none, the turn is over, or the connection must wait.
    private mutating func proceed(_ connection: Connection, _ input: LineBuffer, _ lines: inout Int) {
        connection.hasBacklog = false
        while !input.isEmpty {
            guard lines < Limits.linesPerTurn, mayProceed(connection) else {
                connection.hasBacklog = true
                return
            }
            if connection.isSkipping {
                guard input.skipLine() else { return }
                connection.isSkipping = false
                continue
            }
            switch input.next(limit: limits.line) {
            case .incomplete: return
            case .tooLong:
                connection.isSkipping = true
                refuseTooLong(connection)
            case .line(let range):
                if range.count > limits.line { refuseTooLong(connection) } else { answer(range, of: input, for: connection) }
            }
            lines += 1
        }
    }

    private func mayProceed(_ connection: Connection) -> Bool {
        connection.mayProceed(limits) && mayWrite(connection)
    }

    /// In its turn, when what the turn has written is not in its outbox yet.
    private func mayWrite(_ connection: Connection) -> Bool {
        connection.outbox.count + replies.count - turnStart <= Limits.unsentReplies
    }

    /// At the end of input a last line without LF is answered like any other.
    private mutating func takeRest(_ connection: Connection, _ input: LineBuffer) {
        connection.hasTakenRest = true
        let range = input.rest()
        if !connection.isSkipping, !range.isEmpty { answer(range, of: input, for: connection) }
    }

    /// Keeps what a turn left over.
    private func keep(_ input: LineBuffer, for connection: Connection) {
        if input.isEmpty {
            input.clear()
            if connection.input != nil { connection.input = nil }
        } else if connection.input == nil {
            connection.input = input.split()
        } else {
            input.cleanseConsumed()
        }
    }

    /// Sends what a turn wrote, and sees to it that what waits goes on.
    mutating func settle(_ connection: Connection, _ written: Range<Int>) {
        let isReachable =
            written.isEmpty
            ? connection.outbox.flush(to: connection.id.descriptor)
            : connection.outbox.send(replies.bytes, written, to: connection.id.descriptor)
        let isLost = connection.caller.isGone && !connection.mayRead(limits)
        if connection.isDone || !isReachable || isLost { return drop(connection) }
        if connection.hasBacklog && connection.mayProceed(limits) || connection.mayRunHeld && connection.mayWrite
            || connection.mayRead(limits)
        {
            enqueue(connection)
        }
        if connection.outbox.isEmpty == connection.isWatchedForRoom {
            connection.isWatchedForRoom.toggle()
            watch(connection, EPOLL_CTL_MOD)
        }
    }

    /// Has epoll tell each change of a connection, once: what could be read and was not is kept in mind here. That there is room for replies is
    /// told only while some wait; it changes with each one that the client reads.
    /// - Returns: false if the kernel refuses.
    @discardableResult
    func watch(_ connection: Connection, _ operation: Int32) -> Bool {
        var interest = EPOLLET.rawValue | EPOLLIN.rawValue | EPOLLPRI.rawValue | EPOLLRDHUP.rawValue
        if connection.isWatchedForRoom { interest |= EPOLLOUT.rawValue }
        return usher_epoll_control(epoll, operation, connection.id.descriptor, interest, connection.id.eventData) >= 0
    }

    // MARK: Lines

    private mutating func answer(_ range: Range<Int>, of input: LineBuffer, for connection: Connection) {
        input.withBytes(range) { line in
            guard let end = LineBuffer.endOfText(in: line) else { return }
            run(line.extracting(0..<end), for: connection, mayRunInOrder: connection.isInOrder)
        }
    }

    /// Carries a line out, or keeps it if it must wait for those before it.
    private mutating func run(_ line: Span<UInt8>, for connection: Connection, mayRunInOrder: Bool) {
        connection.requests &+= 1
        switch dispatcher.dispatch(
            line, from: connection.caller, with: connection.rights, mayRunInOrder: mayRunInOrder, service: service,
            writer: &replies)
        {
        case .answered: break
        case .deferred(let request):
            connection.inFlight += 1
            if request.isOrdered { connection.isOrderedBusy = true }
            started.append((connection.id, connection.caller, request))
        case .mustWait:
            // It comes again.
            connection.requests -= 1
            connection.hold(.line(SharedSecret(SecretBytes(copying: line))))
        }
    }

    private mutating func refuseTooLong(_ connection: Connection) {
        if connection.isInOrder { writeTooLong() } else { connection.hold(.tooLong) }
    }

    private mutating func writeTooLong() {
        service.tally.countRefused(service.tally.unknown, .lineTooLong)
        replies.writeFailure(UsherError(.lineTooLong, "A line holds at most \(limits.line) bytes."))
    }

    /// Carries out lines that waited for a request that has been answered, until one of them is such a request itself.
    private mutating func runHeld(_ connection: Connection, _ lines: inout Int) {
        while connection.mayRunHeld, lines < Limits.linesPerTurn, mayWrite(connection), let next = connection.takeHeld() {
            lines += 1
            switch next {
            case .tooLong: writeTooLong()
            case .line(let line):
                line.bytes.withBytes { run($0, for: connection, mayRunInOrder: true) }
            }
        }
    }

    mutating func drop(_ connection: Connection) {
        guard connections.remove(connection) else { return }
        connection.caller.leave()
        close(connection.id.descriptor)
    }
}
