import Glibc

/// Whose a file is, and who may do what with it.
struct FileFacts {
    let mode: mode_t
    let uid: uid_t
    let gid: gid_t
    let modified: Int64

    /// Of a symbolic link itself, unless it is to be followed.
    /// - Throws: as lstat(2), or stat(2).
    init(_ path: String, following: Bool = false) throws(TextFile.Unreadable) {
        var status = stat()
        guard unsafe (following ? stat(path, &status) : lstat(path, &status)) == 0 else { throw TextFile.Unreadable(code: errno) }
        mode = status.st_mode
        uid = status.st_uid
        gid = status.st_gid
        modified = Int64(status.st_mtim.tv_sec)
    }

    var isSocket: Bool { mode & S_IFMT == S_IFSOCK }
    var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    var isFile: Bool { mode & S_IFMT == S_IFREG }

    /// Whether it gives any of these rights.
    func gives(_ rights: mode_t) -> Bool { mode & rights != 0 }

    /// `0660 root:usher`
    var text: String {
        let bits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(4 - bits.count, 0)) + bits + " \(Self.user(uid)):\(Self.group(gid))"
    }

    static func user(_ uid: uid_t) -> String {
        guard let entry = unsafe getpwuid(uid), let name = unsafe entry.pointee.pw_name else { return String(uid) }
        return unsafe String(cString: name)
    }

    static func group(_ gid: gid_t) -> String {
        guard let entry = unsafe getgrgid(gid), let name = unsafe entry.pointee.gr_name else { return String(gid) }
        return unsafe String(cString: name)
    }
}
