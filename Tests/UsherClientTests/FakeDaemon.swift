import Glibc
import UsherThreads

/// A daemon that plays a part: it serves its connections one after another, each by the next of the parts.
final class FakeDaemon: Sendable {
    /// What is done on one connection. It is closed afterwards.
    typealias Part = @Sendable (FakeConnection) -> Void

    let path: String
    private let folder: String
    private let listener: Int32
    /// Every line that came, in order, on whatever connection.
    private let lines = Lock<[String]>([])
    private let connections = Lock(0)

    init(_ parts: Part...) {
        var template = Array("/tmp/usher-client-XXXXXX".utf8CString)
        precondition(unsafe mkdtemp(&template) != nil)
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        path = folder + "/s"
        listener = Self.listen(path)
        let (listener, lines, connections) = (listener, lines, connections)
        _ = Thread(name: "fake-daemon") {
            for part in parts {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                connections.withLock { $0 += 1 }
                part(FakeConnection(descriptor, lines))
                close(descriptor)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        unsafe unlink(path)
        unsafe rmdir(folder)
    }

    var received: [String] { lines.withLock { $0 } }
    var accepted: Int { connections.withLock { $0 } }

    static func listen(_ path: String) -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(result == 0 && Glibc.listen(listener, 16) == 0)
        return listener
    }
}

/// The daemon's end of a connection.
struct FakeConnection {
    private let descriptor: Int32
    private let lines: Lock<[String]>

    init(_ descriptor: Int32, _ lines: Lock<[String]>) {
        self.descriptor = descriptor
        self.lines = lines
    }

    /// The next request; nil at the end.
    func read() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while unsafe recv(descriptor, &byte, 1, 0) == 1 {
            if byte == UInt8(ascii: "\n") {
                let text = String(decoding: line, as: UTF8.self)
                lines.withLock { $0.append(text) }
                return text
            }
            line.append(byte)
        }
        return nil
    }

    func write(_ text: String) { _ = unsafe send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }

    /// The `id` of a request that the client under test wrote.
    static func id(_ request: String) -> String {
        String(request.dropFirst("{\"id\":".count).prefix { $0.isNumber })
    }

    /// Answers the next request.
    /// - Parameter members: of the reply, behind its id.
    /// - Returns: false at the end.
    @discardableResult
    func answer(_ members: String) -> Bool {
        guard let request = read() else { return false }
        write("{\"id\":\(Self.id(request)),\(members)}\n")
        return true
    }

    /// Answers all requests until the client has gone.
    func answerAll(_ members: String) { while answer(members) {} }
}
