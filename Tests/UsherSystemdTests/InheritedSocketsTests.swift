import Glibc
import Testing
import UsherModel

@testable import UsherSystemd

@Suite struct InheritedSocketsTests {
    @Test(
        "What a socket is for",
        arguments: [
            ([], []), (["app"], ["app"]), (["admin"], ["admin"]), (["unknown"], ["app"]), (["usher.socket"], ["app"]),
            ([""], ["app"]),
            (["blog"], ["blog"]), (["admin", "app"], ["admin", "app"]), (["app", "app", "admin"], ["app", "app", "admin"]),
            (["app", "blog", "App", "admin"], ["app", "blog", "App", "admin"]),
        ] as [([String], [String])])
    func names(_ names: [String], _ expected: [String]) throws {
        #expect(try InheritedSockets.assign(names) == expected)
    }

    @Test("Several of which one cannot be told are refused, and named") func unknown() {
        for names in [["app", "unknown"], ["unknown", "other.socket"], ["blog", "unknown"], ["admin", "app", "unknown"]] {
            let error = #expect(throws: UsherError.self) { try InheritedSockets.assign(names) }
            #expect(error?.cause?.contains("\"unknown\"") == true)
            #expect(error?.cause?.contains("\"app\",") == false)
        }
    }

    // That descriptors from 3 on are taken over is tested with the daemon itself: in this process they are somebody else's.

    @Test("A listening Unix stream socket becomes non-blocking") func listening() throws {
        let path = "/tmp/usher-app-\(getpid())"
        let descriptor = boundSocket(SOCK_STREAM, path)
        defer {
            close(descriptor)
            unsafe unlink(path)
        }
        #expect(listen(descriptor, 5) == 0)
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
        try InheritedSockets.prepare(descriptor, of: "app")
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == O_NONBLOCK)
    }

    @Test("What is no listening Unix stream socket is refused, and named") func wrongKinds() {
        let path = "/tmp/usher-wrong-\(getpid())"
        let kinds = [
            boundSocket(SOCK_DGRAM, path), boundSocket(SOCK_STREAM, path), socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0),
            unsafe open("/dev/null", O_RDONLY),
        ]
        #expect(listen(kinds[2], 5) == 0)
        for kind in kinds {
            let error = #expect(throws: UsherError.self) { try InheritedSockets.prepare(kind, of: "admin") }
            #expect(error?.cause?.contains("\"admin\" (descriptor \(kind))") == true)
            close(kind)
        }
        #expect(throws: UsherError.self) { try InheritedSockets.prepare(-1, of: "app") }
        unsafe unlink(path)
    }

    @Test("Where none were inherited, there are none") func none() throws {
        #expect(try InheritedSockets.take() == [])
    }
}
