import Glibc
import Testing

@testable import UsherSystemd

/// A Unix socket at `path`.
func boundSocket(_ type: __socket_type, _ path: String) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(type.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    unsafe unlink(path)
    let result = unsafe withUnsafePointer(to: &address) { address in
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            unsafe bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    precondition(descriptor >= 0 && result == 0, "bind \(path)")
    return descriptor
}

// In processes of their own: other tests read the environment meanwhile.
@Suite struct SupervisorTests {
    @Test("systemd gets what was said, an assignment a line") func messages() async {
        await #expect(processExitsWith: .success) {
            let path = "/tmp/usher-notify-\(getpid())"
            let socket = boundSocket(SOCK_DGRAM, path)
            unsafe setenv("NOTIFY_SOCKET", path, 1)
            defer { unsafe unlink(path) }
            func received() -> String {
                var bytes = [UInt8](repeating: 0, count: 4_096)
                let count = unsafe recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
                return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            }
            let supervisor = Supervisor()
            #expect(supervisor.isPresent)
            #expect(supervisor.ready(status: "4 connections"))
            #expect(received() == "READY=1\nSTATUS=4 connections")
            #expect(supervisor.status("reading\nMAINPID=1\u{0}"))
            #expect(received() == #"STATUS=reading\nMAINPID=1\u{0}"#)
            supervisor.reloading()
            let reloading = received()
            #expect(reloading.wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*/) != nil)
            supervisor.stopping(status: "draining")
            #expect(received() == "STOPPING=1\nSTATUS=draining")
            #expect(supervisor.feedWatchdog())
            #expect(received() == "WATCHDOG=1")
            #expect(supervisor.status(String(repeating: "long", count: 10_000)))
            #expect(received().utf8.count < 4_096)
            // One that has gone: told, not thrown.
            close(socket)
            #expect(!supervisor.ready(status: ""))
        }
    }

    @Test("A systemd that does not read holds nobody up, and gets in the end what it must") func full() async {
        await #expect(processExitsWith: .success) {
            let path = "/tmp/usher-notify-\(getpid())"
            let socket = boundSocket(SOCK_DGRAM, path)
            unsafe setenv("NOTIFY_SOCKET", path, 1)
            defer { unsafe unlink(path) }
            let supervisor = Supervisor()
            var count = 0
            while supervisor.status("\(count)") { count += 1 }
            #expect(count > 0)
            #expect(!supervisor.feedWatchdog())
            #expect(supervisor.ready(status: "ready"))
            supervisor.stopping(status: "stopping")
            // What need not arrive does not overtake what must.
            #expect(!supervisor.feedWatchdog())
            var received: [String] = []
            while received.last?.hasPrefix("STOPPING") != true {
                var bytes = [UInt8](repeating: 0, count: 4_096)
                let count = unsafe recv(socket, &bytes, bytes.count, 0)
                received.append(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self))
            }
            #expect(received == (0..<count).map { "STATUS=\($0)" } + ["READY=1\nSTATUS=ready", "STOPPING=1\nSTATUS=stopping"])
            // Once the thread that waited is through.
            while !supervisor.feedWatchdog() { sched_yield() }
        }
    }

    @Test("The watchdog's interval, where it is this process's") func watchdog() async {
        await #expect(processExitsWith: .success) {
            unsafe unsetenv("WATCHDOG_USEC")
            #expect(Supervisor().watchdog == nil)
            unsafe setenv("WATCHDOG_USEC", "3000000", 1)
            #expect(Supervisor().watchdog == 3_000)
            unsafe setenv("WATCHDOG_PID", "\(getpid())", 1)
            #expect(Supervisor().watchdog == 3_000)
            unsafe setenv("WATCHDOG_PID", "1", 1)
            #expect(Supervisor().watchdog == nil)
        }
    }

    @Test("Addresses as NOTIFY_SOCKET has them") func addresses() {
        #expect(NotifySocket("/run/systemd/notify") != nil)
        #expect(NotifySocket("@abstract") != nil)
        for address in ["", "@", "/", "relative", "vsock:2:1234", "/" + String(repeating: "x", count: 107)] {
            #expect(NotifySocket(address) == nil, "\(address)")
        }
    }

    @Test("Where nobody listens, nothing is said, and that is no failure") func absent() async {
        await #expect(processExitsWith: .success) {
            unsafe unsetenv("NOTIFY_SOCKET")
            let supervisor = Supervisor()
            #expect(!supervisor.isPresent)
            #expect(supervisor.ready(status: "x"))
        }
    }
}
