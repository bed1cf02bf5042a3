import Glibc
import Testing
import UsherModel
import UsherOperations

@testable import UsherServer

struct ListenerTests {
    private let folder = TemporaryFolder()
    private var path: String { folder.path + "/socket" }

    private func mode() -> UInt32? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status.st_mode : nil
    }

    @Test func makesASocketForItsGroup() throws {
        let listener = try Listener(path: path, name: "app")
        #expect(mode() == UInt32(S_IFSOCK | 0o660))
        #expect(Client.connect(to: path) != nil)
        listener.remove()
        #expect(mode() == nil)
        #expect(Client.connect(to: path) == nil)
    }

    @Test func makesASocketForAdministrators() throws {
        let listener = try Listener(path: path, name: "admin")
        #expect(mode() == UInt32(S_IFSOCK | 0o600))
        #expect(listener.place == .admin)
        listener.remove()
        // Whatever is not known to be theirs is not.
        for name in ["app", "unknown", "Admin", ""] { #expect(Listener(inherited: 0, name: name).place == .app) }
    }

    @Test func replacesWhatADeadDaemonLeft() throws {
        let dead = try Listener(path: path, name: "app")
        close(dead.descriptor)
        #expect(mode() != nil)
        let listener = try Listener(path: path, name: "app")
        #expect(Client.connect(to: path) != nil)
        listener.remove()
    }

    @Test func leavesALivingDaemonAlone() throws {
        let living = try Listener(path: path, name: "app")
        let failure = #expect(throws: StartFailure.self) { try Listener(path: path, name: "app") }
        #expect(failure?.description.contains("Another process listens on \(path)") == true)
        #expect(Client.connect(to: path) != nil)
        living.remove()
    }

    @Test func leavesOtherFilesAlone() throws {
        let descriptor = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
        close(descriptor)
        let failure = #expect(throws: StartFailure.self) { try Listener(path: path, name: "app") }
        #expect(failure?.description.contains("is not a socket") == true)
        #expect(mode() == UInt32(S_IFREG | 0o600))
        unsafe unlink(path)
        unsafe symlink("/nowhere", path)
        let other = #expect(throws: StartFailure.self) { try Listener(path: path, name: "app") }
        #expect(other?.description.contains("is a symbolic link, not a socket: if nobody needs it, run `rm \(path)`") == true)
    }

    @Test func leavesALinkToASocketAlone() throws {
        let living = try Listener(path: folder.path + "/living", name: "app")
        defer { living.remove() }
        for target in ["/living", "/dead"] {
            unsafe unlink(path)
            unsafe symlink(folder.path + target, path)
            #expect(throws: StartFailure.self) { try Listener(path: path, name: "app") }
            #expect(mode().map { $0 & S_IFMT } == S_IFLNK)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away")) func leavesTheSocketOfSomebodyElseAlone() throws {
        let dead = try Listener(path: path, name: "app")
        close(dead.descriptor)
        unsafe chown(path, 65_534, 65_534)
        let failure = #expect(throws: StartFailure.self) { try Listener(path: path, name: "app") }
        #expect(failure?.description.contains("belongs to uid 65534") == true)
        #expect(failure?.description.contains("`rm \(path)`") == true)
        #expect(mode() != nil)
    }

    @Test func leavesASocketOfAnotherKindAlone() throws {
        let other = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(other) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(other, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(throws: StartFailure.self) { try Listener(path: path, name: "app") }
        #expect(mode() != nil)
    }

    @Test(arguments: [0, 108, 300])
    func aPathHasALength(_ length: Int) {
        let failure = #expect(throws: StartFailure.self) {
            try Listener(path: String(repeating: "x", count: length), name: "app")
        }
        #expect(failure?.description.contains("1 to 107 bytes") == true)
    }

    @Test func aFolderThatIsNotThereIsTold() {
        let failure = #expect(throws: StartFailure.self) { try Listener(path: folder.path + "/no/socket", name: "app") }
        #expect(failure?.description.contains("\(folder.path)/no/socket") == true)
        #expect(failure?.description.contains("No such file") == true)
        #expect(throws: StartFailure.self) { try Listener(path: "a\0b", name: "app") }
    }
}
