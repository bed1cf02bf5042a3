import UsherModel
import UsherOperations

/// Which connection: descriptors are used again, serial numbers are not.
struct ConnectionID: Hashable, Sendable {
    let descriptor: Int32
    let serial: UInt32

    init(descriptor: Int32, serial: UInt32) {
        self.descriptor = descriptor
        self.serial = serial
    }

    /// As an epoll event carries it.
    init(eventData: UInt64) {
        descriptor = Int32(truncatingIfNeeded: eventData & 0xffff_ffff)
        serial = UInt32(truncatingIfNeeded: eventData >> 32)
    }

    var eventData: UInt64 { UInt64(serial) << 32 | UInt64(UInt32(bitPattern: descriptor)) }
}

/// One client. What it may do next follows from these fields alone; the engine acts on it.
final class Connection {
    let id: ConnectionID
    let caller: Caller
    /// The name of the socket that it came in by.
    let socket: String
    /// Those of the rule that applies, resolved when it was accepted and at each reload.
    private(set) var rights: Rights
    /// When it was taken up, in monotonic milliseconds.
    let since: Int64
    /// Requests that came so far.
    var requests = 0
    /// Is sent events; the table of connections has a list of those.
    var isWatching = false

    /// Has not been dropped: its descriptor is its own.
    var isOpen = true
    /// The socket may hold something that was not read.
    var isReadable = false
    /// Reading goes on until there is nothing, however little a read takes: the client has shut its side down, is gone, or has sent urgent
    /// data, at which a read stops though more has come.
    var isReadToEnd = false
    /// What was read and not yet carried out; nil while there is nothing.
    var input: LineBuffer?
    /// The rest of a line that is too long is being skipped.
    var isSkipping = false
    /// All has been read that there will be: the client has shut its side down, or the daemon drains.
    var hasEnded = false
    /// The last line, without an LF, was carried out, or is not to be.
    var hasTakenRest = false
    /// The input may hold whole lines that had to wait.
    var hasBacklog = false
    /// Waits in the engine's list for a turn.
    var isQueued = false

    /// Requests whose reply is still to come.
    var inFlight = 0
    /// Among them one without an id: those after it wait.
    var isOrderedBusy = false
    /// Lines without an id that wait, oldest first.
    private var held: ArraySlice<HeldLine> = []
    /// How many they are: a number is looked at for each line, and costs less to look at than they do.
    private(set) var heldCount = 0
    private(set) var heldBytes = 0

    let outbox = Outbox()
    /// Whether epoll tells when there is room for more of what waits in the outbox.
    var isWatchedForRoom = false

    init(id: ConnectionID, caller: Caller, socket: String, rights: Rights, since: Int64) {
        self.id = id
        self.caller = caller
        self.socket = socket
        self.rights = rights
        self.since = since
        rights.enter()
    }

    /// Counts among those of other rights from now on.
    func adopt(_ rights: Rights) {
        self.rights.leave()
        self.rights = rights
        rights.enter()
    }

    /// Whether a line without an id may be answered now.
    var isInOrder: Bool { !isOrderedBusy && heldCount == 0 }
    /// Whether the first of those that wait may.
    var mayRunHeld: Bool { !isOrderedBusy && heldCount > 0 }

    /// Lets a line wait.
    func hold(_ line: HeldLine) {
        held.append(line)
        heldCount += 1
        heldBytes += line.count
    }

    /// Takes out the first of those that wait.
    func takeHeld() -> HeldLine? {
        guard let first = held.first else { return nil }
        // A slice keeps what it has passed: it would keep the line from being overwritten.
        held[held.startIndex] = .tooLong
        held.removeFirst()
        heldCount -= 1
        heldBytes -= first.count
        return first
    }

    /// Whether another of its requests may be taken up.
    func mayProceed(_ limits: Limits) -> Bool {
        inFlight + heldCount < limits.inFlight && heldBytes <= limits.line && mayWrite
    }

    /// Whether its client reads its replies fast enough for more of them.
    var mayWrite: Bool { outbox.count <= Limits.unsentReplies }

    /// Whether there may be something to read that may be taken in now.
    func mayRead(_ limits: Limits) -> Bool { isReadable && !hasEnded && !hasBacklog && mayProceed(limits) }

    /// Whether it has been answered whole, and there will be no more.
    var isDone: Bool {
        hasEnded && hasTakenRest && !hasBacklog && inFlight == 0 && heldCount == 0 && outbox.isEmpty && !isWatching
    }
}

/// A line that waits for its turn.
enum HeldLine {
    case line(SharedSecret)
    case tooLong

    /// In bytes.
    var count: Int {
        switch self {
        case .line(let line): line.bytes.count
        case .tooLong: 0
        }
    }
}
