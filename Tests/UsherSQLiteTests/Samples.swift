import CSQLite
import Glibc
import Testing
import UsherModel
import UsherTesting
import UsherThreads

@testable import UsherSQLite

/// Makes the accounts and sessions of a test, all of them different.
struct Samples {
    let clock = ManualClock()
    let random = SeededRandom(seed: 7)

    func id() -> UUIDv7 { UUIDv7(clock: clock, random: random) }

    func account(_ name: String, email: String? = nil, hash: String = "$fast$1") throws -> Account {
        Account(
            user: User(
                id: UserID(id()), username: try Username(parsing: name),
                email: try Email(parsing: email ?? "\(name)@example.org"),
                createdAt: clock.now()),
            passwordHash: PasswordHash(hash))
    }

    func session(of user: UserID, lasting seconds: Int64 = 3_600, access: Int64 = 900) -> Session {
        let now = clock.now()
        return Session(
            id: SessionID(id()), user: user, audience: "usher", rotatedAt: now, seed: SharedSecret(random.secret(count: 32)),
            expiresAt: now + seconds, endsAt: now + 10 * seconds, accessUntil: now + access, createdAt: now,
            client: Client(address: IPAddress(parsing: "2001:db8::1"), userAgent: "curl/8"))
    }

    func login(_ account: Account, max: Int = 100, lasting seconds: Int64 = 3_600) -> Login {
        Login(
            verified: account.passwordHash, replacement: nil, session: session(of: account.user.id, lasting: seconds),
            maxSessions: max)
    }
}

extension Store {
    func account(_ name: LoginName) async throws -> Account? { try await lookUp(name).account }

    func stored(_ id: SessionID) async throws -> StoredSession? {
        try await update(id) { stored, _ throws(UsherError) in .keep(stored) }
    }

    func serviceTime() async throws -> ServiceTime {
        try await update(SessionID(UUIDv7(high: 0, low: 0))) { _, time throws(UsherError) in .keep(time) }
    }

    /// Raises the generation, as REFRESH does.
    func rotate(_ id: SessionID, at now: NumericDate) async throws(UsherError) -> Int64 {
        try await update(id) { stored, _ throws(UsherError) in
            guard var session = stored?.session, session.endedAt == nil else { throw UsherError(.tokenRevoked) }
            session.generation += 1
            session.rotatedAt = now
            session.expiresAt = now + 3_600
            session.accessUntil = now + 900
            return .rotate(session, session.generation)
        }
    }
}

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/usher-tests-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in names { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    var database: String { "\(path)/usher.db" }

    var names: [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    func mode(of file: String) -> mode_t {
        var status = stat()
        unsafe stat(file, &status)
        return status.st_mode & 0o777
    }

    func write(_ bytes: [UInt8], to file: String) {
        let descriptor = unsafe open(file, O_CREAT | O_TRUNC | O_WRONLY, 0o600)
        unsafe Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
    }
}

/// Runs SQL on a file as another program would.
func execute(_ sql: String, on path: String) {
    var database: OpaquePointer?
    unsafe sqlite3_open(path, &database)
    #expect(unsafe sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
    unsafe sqlite3_close(database)
}

/// A door that tests open.
final class Gate: Sendable {
    private let isOpen = Mailbox(false)
    func open() { isOpen.changeForAll { $0 = true } }
    func wait() { isOpen.wait { $0 ? () : nil } }
    var isPassable: Bool { isOpen.withLock { $0 } }
}

extension SQLiteStore {
    /// Opens a store whose recoveries nobody listens to.
    convenience init(
        at path: String, clock: any Clock, queue: Int = 4_096, grace: Int64 = 30_000, margin: Int64 = 1_000,
        checkpoint: Int32 = 1_000,
        timeout: Int64 = 5_000, dataKey: String? = nil, vfs: String? = nil, log: any EventLog = RecordingLog(),
        recovered: @escaping @Sendable ([Revocation]) -> Void = { _ in }
    ) throws(StoreOpenError) {
        try self.init(
            path: path, clock: clock, bounds: StoreBounds(queue: queue, grace: grace, timeout: timeout),
            tuning: .init(margin: margin, checkpoint: checkpoint), dataKey: dataKey, vfs: vfs, events: log, recovered: recovered)
    }

    /// Lets the store's thread stand still in a job until the gate opens. Returns when it does.
    func hold(until gate: Gate) async -> Task<Void, any Error> {
        let isHeld = Mailbox(false)
        let task = Task {
            try await update(SessionID(UUIDv7(high: 0, low: 0))) { _, _ throws(UsherError) in
                isHeld.changeForAll { $0 = true }
                gate.wait()
                return .keep(())
            }
        }
        while !isHeld.withLock({ $0 }), !Task.isCancelled { await Task.yield() }
        return task
    }

    func untilWaiting(_ count: Int) async {
        while waiting < count, !Task.isCancelled { await Task.yield() }
    }
}
