import UsherJSON
import UsherModel
import UsherOperations
import UsherWire

// Connections that watch events. They are sent what comes, as far as they read it; no event waits for them.
extension Engine {
    /// Sends events to all who watch.
    /// - Parameter lines: whole ones.
    mutating func tell(_ lines: [UInt8]) {
        for connection in connections.list.watchers {
            connection.outbox.append(lines)
            settle(connection, 0..<0)
            if connection.isWatching, connection.outbox.count > Limits.watcherBytes { dropWatcher(connection) }
        }
    }

    /// One that does not keep up is told so, as the last line, if it ever reads on.
    private mutating func dropWatcher(_ connection: Connection) {
        connections.list.stopWatching(connection)
        connection.outbox.cutToLine()
        var writer = JSONWriter()
        writer.writeFailure(
            UsherError(.busy, "You read too slowly to watch; events were dropped.", detail: .retryAfterMilliseconds(1000)))
        connection.outbox.append(writer.bytes)
        // What it asked is answered; nothing more is read.
        (connection.hasEnded, connection.hasTakenRest, connection.hasBacklog) = (true, true, false)
        settle(connection, 0..<0)
        guard service.log.threshold >= .notice else { return }
        service.log.record(
            Event(
                .limit, .notice, "a connection that watched events was dropped: it did not keep up", op: "MONITOR",
                result: "busy", peer: connection.caller.peer))
    }
}

extension Reactor {
    /// Has the journal tell of its events as long as somebody watches.
    func watchJournal(_ isWatched: Bool) {
        guard isWatched else { return service.log.watch(nil) }
        service.log.watch { [self] event in
            if feed.add(event) { Task(executorPreference: executor) { await self.tellEvents() } }
        }
    }

    private func tellEvents() {
        let lines = feed.take()
        if !lines.isEmpty { engine.tell(lines) }
    }
}

extension Event {
    /// As a line for those who watch.
    func line(at date: NumericDate) -> [UInt8] {
        var writer = JSONWriter()
        writer.openObject()
        writer.name("event")
        writer.openObject()
        writer.member("at", date)
        writer.member("kind", kind.name)
        writer.member("priority", priority.name)
        writer.member("message", message)
        writer.name("fields")
        writer.openObject()
        for (name, value) in fields { writer.member(any: name, value) }
        writer.closeObject()
        writer.closeObject()
        writer.closeObject()
        writer.endLine()
        return writer.bytes
    }
}
