import Glibc
import Testing
import UsherModel

@testable import UsherSystemd

@Suite final class CredentialsTests {
    private let folder: String

    init() {
        var template = Array("/tmp/usher-credentials-XXXXXX".utf8CString)
        unsafe folder = String(cString: mkdtemp(&template)!)
    }

    deinit {
        for name in ["secret", "folder"] {
            unsafe unlink("\(folder)/\(name)")
            unsafe rmdir("\(folder)/\(name)")
        }
        unsafe rmdir(folder)
    }

    private func write(_ bytes: [UInt8]) {
        let file = unsafe open("\(folder)/secret", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var written = 0
        while written < bytes.count {
            written += unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress! + written, $0.count - written) }
        }
        close(file)
    }

    private func read() throws -> [UInt8]? {
        guard let secret = try Credentials(directory: folder).secret(named: "secret") else { return nil }
        return secret.withBytes { bytes in bytes.indices.map { bytes[$0] } }
    }

    @Test("Bytes are verbatim, but for one LF at the end") func verbatim() throws {
        let cases: [(file: String, secret: String)] = [
            ("", ""), ("\n", ""), ("\n\n", "\n"), ("secret", "secret"), ("secret\n", "secret"), ("secret\n\n", "secret\n"),
            ("secret\r\n", "secret\r"), (" secret ", " secret "), ("two\nlines\n", "two\nlines"), ("\nsecret", "\nsecret"),
            ("nul\0inside\n", "nul\0inside"), ("ü\u{feff}", "ü\u{feff}"),
        ]
        for (file, secret) in cases {
            write(Array(file.utf8))
            #expect(try read() == Array(secret.utf8))
        }
        let all = (0...255).map { UInt8($0) }
        write(all)
        #expect(try read() == all)
    }

    @Test("64 KiB are read, one byte more is refused") func bound() throws {
        let most = [UInt8](repeating: 0x61, count: 65_536)
        write(most)
        #expect(try read() == most)
        write(most + [0x61])
        let error = #expect(throws: UsherError.self) { try self.read() }
        #expect(error?.cause?.contains("\(folder)/secret") == true)
        #expect(error?.cause?.contains("65536") == true)
    }

    @Test("Absent is nil; what is there but cannot be read is an error that names it") func absent() throws {
        #expect(try read() == nil)
        let isAbsent = try Credentials(directory: nil).secret(named: "secret") == nil
        #expect(isAbsent)
        unsafe mkdir("\(folder)/folder", 0o700)
        let error = #expect(throws: UsherError.self) {
            _ = try Credentials(directory: self.folder).secret(named: "folder")
        }
        #expect(error?.code == .internal)
        #expect(error?.cause == "\(folder)/folder is no regular file")
        // Not a folder on the way to it.
        write([0x61])
        let other = #expect(throws: UsherError.self) { _ = try SecretFile.read("\(self.folder)/secret/x", of: .administrator) }
        #expect(other?.cause == "cannot open \(folder)/secret/x: Not a directory")
    }

    /// systemd's access control list for the daemon's user shows as the mode of the group.
    @Test(
        "Others must not reach a credential",
        arguments: [(0o400, true), (0o440, true), (0o444, false), (0o402, false)] as [(mode_t, Bool)])
    func othersAndCredentials(_ mode: mode_t, _ isRead: Bool) throws {
        write([0x61])
        unsafe chmod("\(folder)/secret", mode)
        unsafe chmod(folder, 0o755)
        if isRead {
            #expect(try read() == [0x61])
        } else {
            let error = #expect(throws: UsherError.self) { try self.read() }
            #expect(error?.cause?.contains("`chmod o= \(folder)/secret`") == true)
        }
        // Nobody else comes as far.
        unsafe chmod(folder, 0o750)
        #expect(try read() == [0x61])
    }

    @Test("Another secret file is its owner's alone", arguments: [0o640, 0o604, 0o620, 0o601] as [mode_t])
    func othersAndFiles(_ mode: mode_t) throws {
        write([0x61])
        unsafe chmod("\(folder)/secret", mode)
        let error = #expect(throws: UsherError.self) { _ = try SecretFile.read("\(self.folder)/secret", of: .administrator) }
        #expect(error?.cause?.contains("`chmod 0600 \(folder)/secret`") == true)
        unsafe chmod("\(folder)/secret", 0o400)
        let isRead = try SecretFile.read("\(folder)/secret", of: .administrator) != nil
        #expect(isRead)
    }

    @Test("Another secret file is root's or the daemon's", .enabled(if: geteuid() == 0, "only root can give a file away"))
    func fileOfAnother() {
        write([0x61])
        unsafe chown("\(folder)/secret", 65_534, 65_534)
        let error = #expect(throws: UsherError.self) { _ = try SecretFile.read("\(self.folder)/secret", of: .administrator) }
        #expect(error?.cause?.contains("belongs to uid 65534") == true)
        #expect(error?.cause?.contains("`chown 0 \(folder)/secret`") == true)
    }

    @Test("A link to a secret is followed, one to nothing is refused") func links() throws {
        write([0x61])
        let link = "\(folder)/folder"
        unsafe symlink("\(folder)/secret", link)
        let isRead = try SecretFile.read(link, of: .administrator) != nil
        #expect(isRead)
        unsafe unlink("\(folder)/secret")
        for keeper in [SecretFile.Keeper.administrator, .systemd] {
            let error = #expect(throws: UsherError.self) { _ = try SecretFile.read(link, of: keeper) }
            #expect(error?.cause?.contains("is a symbolic link to nothing: mend it, or run `rm \(link)`") == true)
        }
    }
}
