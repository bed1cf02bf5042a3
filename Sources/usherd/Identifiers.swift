import Glibc

/// The numbers and names of this machine's users and groups (getpwnam(3), getpwuid(3), getgrnam(3)). Asking may block.
enum Identifiers {
    /// Room for an entry, in bytes; a group's holds the names of all its members.
    private static let room = 1 << 20

    static func user(_ name: String) -> UInt32? {
        unsafe withRoom { buffer in
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard unsafe getpwnam_r(name, &entry, buffer, room, &found) == 0, unsafe found != nil else { return nil }
            return unsafe entry.pw_uid
        }
    }

    static func loginName(of uid: UInt32) -> String? {
        unsafe withRoom { buffer in
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard unsafe getpwuid_r(uid, &entry, buffer, room, &found) == 0, unsafe found != nil,
                let name = unsafe entry.pw_name
            else { return nil }
            return unsafe String(cString: name)
        }
    }

    static func group(_ name: String) -> UInt32? {
        unsafe withRoom { buffer in
            var entry = unsafe Glibc.group()
            var found: UnsafeMutablePointer<Glibc.group>?
            guard unsafe getgrnam_r(name, &entry, buffer, room, &found) == 0, unsafe found != nil else { return nil }
            return unsafe entry.gr_gid
        }
    }

    private static func withRoom<Answer>(_ body: (UnsafeMutablePointer<CChar>) -> Answer?) -> Answer? {
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: room)
        defer { unsafe buffer.deallocate() }
        return unsafe body(buffer)
    }
}
